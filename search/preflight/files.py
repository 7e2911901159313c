"""Checks of the user's own files: padding, codes, a shift of the data, and what simple forecasts reach."""

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.forecast_levels import LAST_VALUE
from failmap.datasets.files.prepare import read_file
from failmap.datasets.files.properties import code_like_features, unchanging_tails
from failmap.search.preflight.check import Finding, Subject

#: Share of sequences that end in unchanging rows, from which on these are told.
MIN_PADDED_SHARE = 0.1
#: Share of validation targets or inputs outside of training, and distance of the means in deviations.
MIN_SHARE_OUTSIDE, MIN_MEAN_SHIFT = 0.05, 1.5
#: A simple forecast that beats repeating the last value gets below this share of its error.
MAX_PREDICTED_SHARE = 0.98


def padding(subject: Subject) -> Finding:
    """Check for sequences that end in unchanging rows, as those padded without lengths do."""
    config, contents = _contents(subject)
    unit = "of the sequences end in unchanging rows"
    if config.padding == "trim" or not isinstance(contents, Sequences):
        return Finding("pass", "no padding is kept", 0.0, unit)
    tails = unchanging_tails(contents)
    if tails.sequences < MIN_PADDED_SHARE:
        return Finding("pass", "sequences change up to their ends", tails.sequences, unit)
    message = f"{tails.sequences:.0%} of the sequences end in unchanging rows, {tails.steps:.0%} of all steps"
    given = "an array lengths" if config.path.lower().endswith(".npz") else "a table without these rows"
    advice = f"if they are padding: {given}, or task.padding=trim"
    return Finding("warn", message, tails.sequences, unit, advice)


def codes(subject: Subject) -> Finding:
    """Check for features that hold codes, which a network reads as sizes."""
    config, contents = _contents(subject)
    known = set() if config.one_hot is None else set(str(config.one_hot).split("+"))
    names = [name for name in code_like_features(contents) if name not in known]
    unit = "features"
    if not names:
        return Finding("pass", "no feature looks like a code", 0, unit)
    message = f"few whole numbers without an order, as codes are: feature {', '.join(names)}"
    advice = f"if they are codes: task.one_hot={'+'.join([*sorted(known), *names])}"
    return Finding("warn", message, len(names), unit, advice)


def shift(subject: Subject) -> Finding:
    """Check that validation lies within what training shows."""
    task, config = subject.task, subject.config.task
    assert isinstance(config, ArrayFileConfig)
    unit = "of the validation targets lie outside of those of training"
    details = {
        "targets outside": task.target_shift,
        "shift of the mean": task.mean_shift,
        "inputs outside": task.input_shift,
    }
    message = (
        f"outside of what training shows are {task.target_shift:.0%} of the validation targets and "
        f"{task.input_shift:.0%} of the inputs; their mean differs by {task.mean_shift:.1f} deviations"
    )
    if max(task.target_shift, task.input_shift) < MIN_SHARE_OUTSIDE and task.mean_shift < MIN_MEAN_SHIFT:
        return Finding("pass", message, task.target_shift, unit, details=details)
    settings = []
    if config.target == "forecasting" and config.forecast == "level":
        settings.append("task.forecast=change")
    if not config.differences and (settings or task.input_shift >= MIN_SHARE_OUTSIDE):
        settings.append("task.differences=true")
    advice = " with ".join(settings) or "another task.split, or more data like those of validation"
    return Finding("warn", message, task.target_shift, unit, advice, details)


def simple_forecasts(subject: Subject) -> Finding:
    """Check that some simple forecast beats both repeating the last value and chance."""
    task = subject.task
    unit = "of the error of repeating the last value, or of chance"
    errors = dict(task.baseline_errors)
    if not errors:
        return Finding("pass", "nothing is forecast", 0.0, unit)
    to_beat = min(errors[LAST_VALUE], task.chance.metric)
    others = {name: error for name, error in errors.items() if name != LAST_VALUE}
    best = min(others, key=others.__getitem__)
    share = others[best] / to_beat if to_beat > 0 else 1.0
    details = {**errors, "chance": task.chance.metric}
    if share <= MAX_PREDICTED_SHARE:
        message = f"a forecast that {best} has {share:.2g} of the error to beat"
        return Finding("pass", message, share, unit, details=details)
    rival = "repeating the last value" if to_beat < task.chance.metric else "the mean"
    message = f"no simple forecast beats {rival}: a random walk, or noise, looks like that"
    advice = "other features, a longer task.sequence_length or task.horizon; maybe nothing can be predicted"
    return Finding("warn", message, share, unit, advice, details)


def season(subject: Subject) -> Finding:
    """Check that the history of a forecast has the length of the strongest season."""
    task, config = subject.task, subject.config.task
    unit = "steps of the strongest season"
    if not task.season or task.season <= config.sequence_length:
        message = "the history holds a whole season" if task.season else "no season is found"
        return Finding("pass", message, task.season, unit)
    message = f"values repeat after {task.season} steps, and {config.sequence_length} are shown"
    return Finding("warn", message, task.season, unit, f"task.sequence_length={task.season}")


def _contents(subject: Subject) -> tuple[ArrayFileConfig, Sequences | SeriesSet]:
    """Return the settings and the contents of the file."""
    config = subject.config.task
    assert isinstance(config, ArrayFileConfig)
    return config, read_file(config)
