"""The diagnosis of a cell: its most frequent cause, and what separates its learned from its failed trials."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from statistics import fmean
from typing import Any

from failmap.analysis.diagnosis.causes import Cause
from failmap.analysis.diagnosis.diagnosis import Diagnosis, Evidence, Suspicion
from failmap.analysis.verdict import DEFAULT_RECIPE
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import label_text, path_display, setting_display

#: Largest p-value of a reported split that is not perfect (Fisher's exact test, two-sided). Several settings
#: are tested, so this is a hint where to look, not a finding.
SIGNIFICANCE = 0.05
#: Number of learned and of failed trials below which nothing is reported.
MIN_TRIALS = 2
#: Number of settings that are reported at most.
MAX_SEPARATIONS = 3


@dataclass(frozen=True)
class CellDiagnosis:
    """The diagnosis of a cell.

    The failed trials of the default recipe count: they say why the cell fails as it was asked for, and fixes
    are tried on them. Other recipes may fail for reasons of their own, such as a rate that is too high. They
    count where the default recipe has not failed.

    Attributes:
        cause: Cause of most trials that count; of equally frequent ones, the one with the higher confidence.
        num_trials: k, the number of trials that count and have this cause.
        num_failed: n, the number of trials that count.
        evidence: Evidence of a typical one of these k: found by the rule that found most of them, with the
            median of the number that the rule compares with its threshold.
        others: The other causes of trials that count, with their numbers.
        differences: Sentences about settings that separate learned from failed trials.
        confidence: Mean confidence of these k diagnoses.
    """

    cause: Cause
    num_trials: int
    num_failed: int
    evidence: tuple[Evidence, ...]
    others: tuple[tuple[Cause, int], ...] = ()
    differences: tuple[str, ...] = ()
    confidence: float = 0.0


def diagnose_cell(trials: Sequence[tuple[TrialRecord, Diagnosis | None]]) -> CellDiagnosis | None:
    """Return the diagnosis of a cell, or None if none of its trials failed.

    Args:
        trials: Every trial of the cell with its diagnosis, without interventions.
    """
    of_any_recipe = [(record, one) for record, one in trials if one and record.outcome == "failed"]
    of_default = [one for record, one in of_any_recipe if record.recipe_index == DEFAULT_RECIPE]
    failed = of_default or [one for _, one in of_any_recipe]
    if not failed:
        return None
    confidences: dict[Cause, list[float]] = defaultdict(list)
    for diagnosis in failed:
        confidences[diagnosis.cause].append(diagnosis.confidence)
    cause = max(confidences, key=lambda one: (len(confidences[one]), fmean(confidences[one])))
    counts = Counter({one: len(several) for one, several in confidences.items() if one != cause})
    return CellDiagnosis(
        cause,
        len(confidences[cause]),
        len(failed),
        _typical([one.verdict for one in failed if one.cause == cause]).evidence,
        tuple(counts.most_common()),
        _differences([record for record, _ in trials]),
        fmean(confidences[cause]),
    )


def _typical(verdicts: Sequence[Suspicion]) -> Suspicion:
    """Return the verdict in the middle of those that the most frequent rule found."""
    (rule, _), *_ = Counter(one.rule for one in verdicts).most_common(1)
    found = [one for one in verdicts if one.rule == rule]
    return sorted(found, key=_compared)[(len(found) - 1) // 2]


def _compared(verdict: Suspicion) -> float:
    """Return the number that the rule compared with its threshold, or 0 if it has none."""
    limits = [limit for evidence in verdict.evidence[:1] for limit in evidence.limits]
    return limits[0].value if limits else 0.0


def _differences(records: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Return sentences about the settings, except for the seed, that separate learned from failed trials."""
    settings: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        flat = record.settings
        flat.pop("seed", None)
        settings[record.outcome].append(flat)
    return separations(settings["learned"], settings["failed"])


def separations(learned: Sequence[Mapping[str, Any]], failed: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return sentences about the settings that separate best, in ascending order of p-value.

    Numbers are split at each threshold, anything else into one value and the rest. A split is reported if it
    is perfect or if Fisher's exact test is significant.

    Args:
        learned, failed: Settings of each trial by dotted path.
    """
    if len(learned) < MIN_TRIALS or len(failed) < MIN_TRIALS:
        return ()
    trials = [*learned, *failed]
    found = []
    for path in sorted({path for settings in trials for path in settings}):
        values = [settings.get(path) for settings in trials]
        if separating := list(_separating(path, values, len(learned))):
            found.append(min(separating, key=itemgetter(0)))
    return tuple(sentence for _, sentence in sorted(found, key=itemgetter(0))[:MAX_SEPARATIONS])


@lru_cache(maxsize=4096)  # A call of scipy takes 0.3 ms, and most settings split a cell in the same way.
def fisher_p(learned_in: int, num_in: int, learned_out: int, num_out: int) -> float:
    """Return the p-value of Fisher's exact test (1935), two-sided.

    It is rounded to 12 digits, so that two splits that mirror each other are equal.
    """
    from scipy.stats import fisher_exact

    table = [[learned_in, num_in - learned_in], [learned_out, num_out - learned_out]]
    return float(f"{fisher_exact(table).pvalue:.12g}")


def _separating(path: str, values: Sequence[Any], num_learned: int) -> Iterator[tuple[float, str]]:
    """Yield the p-value of each split of a setting that separates, and a sentence about it.

    Args:
        path: Dotted path of the setting.
        values: Its value in each trial, those that learned first.
        num_learned: Number of trials that learned.
    """
    for first, second, is_first in _splits(path, values):
        num_in, learned_in = sum(is_first), sum(is_first[:num_learned])
        num_out, learned_out = len(values) - num_in, num_learned - learned_in
        p_value = fisher_p(learned_in, num_in, learned_out, num_out)
        is_perfect = {learned_in / num_in, learned_out / num_out} == {0.0, 1.0}
        if is_perfect or p_value <= SIGNIFICANCE:
            ins, outs = f"{learned_in} of {num_in} learned", f"{learned_out} of {num_out}"
            yield p_value, f"with {first}, {ins}; with {second}, {outs}"


def _splits(path: str, values: Sequence[Any]) -> Iterator[tuple[str, str, list[bool]]]:
    """Yield every split of a setting: the names of its groups, and which trials are in the first."""
    texts = [label_text(value) for value in values]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        for limit in sorted(set(values))[1:]:
            name = f"a {path_display(path)} of {label_text(limit)} or more"
            yield name, "less", [value >= limit for value in values]
        return
    shown = {text: setting_display(path, value) for text, value in zip(texts, values, strict=True)}
    # Two values are one split, and a single value is none.
    firsts = list(shown) if len(shown) > 2 else list(shown)[:-1]
    for first in firsts:
        second = "anything else" if len(shown) > 2 else list(shown.values())[1]
        yield shown[first], second, [text == first for text in texts]
