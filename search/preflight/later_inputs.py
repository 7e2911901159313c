"""Check whether the targets of a step can be read off later inputs, which a bidirectional network sees."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.task import Batch
from failmap.search.preflight.check import Finding, Status, Subject

#: Steps before and after a target that are tried one by one; of those further on, the one that tells most.
NUM_LAGS, MAX_LAG = 5, 200
#: Share of what earlier inputs leave open that later ones tell: from here on a warning, and a failure.
WARN_SHARE, FAIL_SHARE = 0.05, 0.5
#: The least gain in standard errors over validation sequences.
_NUM_ERRORS = 3.0
#: Targets and sequences that the map is fitted on, and measured on, at most.
_MAX_TARGETS, _MAX_SEQUENCES = 5_000, 1_000
#: Features that are looked at: those that tell most.
_MAX_FEATURES = 8
#: Penalty as a share of the mean eigenvalue.
_PENALTY = 1e-4
#: Standardised inputs are cut there: a few far values would decide the fit.
_MAX_INPUT = 4.0

_Numbers = Float64[np.ndarray, "targets numbers"]


def later_inputs(subject: Subject) -> Finding:
    """Measure how much of the targets at every step a linear map of later inputs tells, out of sample.

    The map is fitted on training sequences and measured on the validation set: on the inputs up to the step
    of the target, and on these and the later ones (see `_groups`).
    """
    task, config = subject.task, subject.config
    assert isinstance(config.task, ArrayFileConfig)
    unit = "of what earlier inputs leave open is told by later ones"
    if config.task.target_layout != "step":
        return Finding("pass", "there is no target at each step, which later inputs could tell", 0.0, unit)
    if not getattr(config.model, "bidirectional", False):
        return Finding("pass", "the network sees no later inputs", 0.0, unit)
    num_classes = task.output_size if config.task.target_kind == "category" else 0
    size = min(task.num_train or _MAX_SEQUENCES, _MAX_SEQUENCES)
    known = _Targets(task.train_batch(config.seed, 0, size, progress=1.0), num_classes)
    asked = _Targets(task.validation_set(), num_classes)
    features = _telling_features(known)
    lags = [*range(1, NUM_LAGS + 1), *_telling_lag(known, features)]
    groups, asked_groups = _groups(known, features, lags), _groups(asked, features, lags)
    past, *later = groups
    fit = _Fit(groups, known.codes, asked_groups)

    def errors(*names: str) -> Float64[np.ndarray, "targets"]:
        """Return the error of each target: squared, or 1 for a wrong class."""
        guess = fit.predict(past, *names)
        if num_classes:
            is_wrong: Float64[np.ndarray, "targets"] = (
                guess.argmax(axis=1) != asked.codes.argmax(axis=1)
            ).astype(np.float64)
            return is_wrong
        squares: Float64[np.ndarray, "targets"] = np.square(guess - asked.codes).mean(axis=1)
        return squares

    spread = 1.0 if num_classes else float(asked.codes.var(axis=0).mean()) or 1.0
    before, after = errors(), errors(*later)
    told_before, told = (1 - float(one.mean()) / spread for one in (before, after))
    told_by = {name: 1 - float(errors(name).mean()) / spread for name in later}
    gain = max(0.0, told - told_before) / max(1e-9, 1 - max(told_before, 0.0))
    details = {past: told_before, "earlier and later": told, **told_by}
    if gain < WARN_SHARE or not _is_significant(before - after, asked.sequences):
        return Finding("pass", "later inputs tell nothing more of a target", gain, unit, details=details)
    best = max(told_by, key=told_by.__getitem__)
    measure = "a share of right classes of" if num_classes else "an R squared of"
    message = (
        "targets of a step can be read off later inputs, which a bidirectional network sees: with them a "
        f"linear map has {measure} {told:.2f}, without {told_before:.2f}; most tells {best}"
    )
    if config.task.later_inputs == "allowed":
        return Finding("pass", f"allowed: {message}", gain, unit, details=details)
    advice = (
        "model.bidirectional=false, or task.later_inputs=allowed if a target is asked for once the whole "
        "sequence is known"
    )
    status: Status = "fail" if gain >= FAIL_SHARE else "warn"
    return Finding(status, message, gain, unit, advice, details)


class _Targets:
    """Targets at the steps of padded sequences.

    Attributes:
        inputs: Of all steps, 0 beyond the end of a sequence.
        lengths: Steps of each sequence.
        sequences, steps: Position of each target; of very many an even sample.
        codes: Number or one-hot class of each target.
    """

    def __init__(self, batch: Batch, num_classes: int) -> None:
        batch = next(batch.split(_MAX_SEQUENCES))
        self.inputs = batch.inputs.double().numpy()
        num_sequences, num_steps = self.inputs.shape[:2]
        self.lengths = np.full(num_sequences, num_steps) if batch.lengths is None else batch.lengths.numpy()
        positions = np.argwhere(np.arange(num_steps) < self.lengths[:, None])
        num_kept = min(len(positions), _MAX_TARGETS)
        kept = positions[np.linspace(0, len(positions) - 1, num_kept).round().astype(np.int64)]
        self.sequences, self.steps = kept.T
        targets = batch.targets.numpy()[self.sequences, self.steps]
        self.codes = (np.eye(num_classes)[targets] if num_classes else targets[:, None]).astype(np.float64)

    def at(
        self, steps: Int64[np.ndarray, "targets"], features: Sequence[int] | slice
    ) -> Float64[np.ndarray, "targets features"]:
        """Return some features of the inputs at one step for each target, 0 outside of its sequence."""
        is_inside = (steps >= 0) & (steps < self.lengths[self.sequences])
        values = self.inputs[self.sequences, np.where(is_inside, steps, 0)][:, features]
        shown: Float64[np.ndarray, "targets features"] = np.where(is_inside[:, None], values, 0.0)
        return shown


def _telling_features(known: _Targets) -> list[int]:
    """Return the features whose next steps correlate most with the targets."""
    num_features = known.inputs.shape[2]
    if num_features <= _MAX_FEATURES:
        return list(range(num_features))
    told = [_correlations(known.at(known.steps + lag, slice(None)), known.codes) for lag in range(1, 3)]
    return [*map(int, np.argsort(-np.max(told, axis=0), kind="stable")[:_MAX_FEATURES])]


def _telling_lag(known: _Targets, features: list[int]) -> list[int]:
    """Return the lag beyond `NUM_LAGS` at which inputs correlate most with the targets, if there is one."""
    lags = range(NUM_LAGS + 1, min(known.inputs.shape[1], MAX_LAG + 1))
    told = {lag: _correlations(known.at(known.steps + lag, features), known.codes).max() for lag in lags}
    return [max(told, key=told.__getitem__)] if told else []


def _correlations(
    inputs: Float64[np.ndarray, "targets features"], codes: Float64[np.ndarray, "targets codes"]
) -> Float64[np.ndarray, "features"]:
    """Return the largest absolute correlation of each feature with a code."""
    products = np.abs((inputs - inputs.mean(axis=0)).T @ (codes - codes.mean(axis=0))) / len(codes)
    size = inputs.std(axis=0)[:, None] * codes.std(axis=0)
    share: Float64[np.ndarray, "features"] = np.divide(
        products, size, out=np.zeros_like(products), where=size > 0
    ).max(axis=1)
    return share


def _groups(targets: _Targets, features: list[int], lags: Sequence[int]) -> dict[str, _Numbers]:
    """Return numbers for each target: of the inputs up to its step, first, and of later ones, by name.

    Later are the steps at some lags, with their squares; the mean of all later steps; and the step as far
    from the sequence's end as the target is from its beginning, where that is a later one.
    """
    steps, lengths = targets.steps, targets.lengths[targets.sequences]
    sums = np.cumsum(targets.inputs[:, :, features], axis=1)
    so_far = sums[targets.sequences, steps]
    whole = sums[targets.sequences, lengths - 1]
    earlier = [targets.at(steps - lag, features) for lag in range(NUM_LAGS + 1)]
    position = np.stack([steps, 1 / (1 + steps)], axis=1).astype(np.float64)
    mirrored = np.where(2 * steps < lengths - 1, lengths - 1 - steps, -1)
    later = {
        "the next input" if lag == 1 else f"the input {lag} steps later": targets.at(steps + lag, features)
        for lag in lags
    }
    mirror = targets.at(mirrored, features)
    return {
        "earlier": np.concatenate([*earlier, *map(np.square, earlier), so_far, position], axis=1),
        **{name: np.concatenate([values, np.square(values)], axis=1) for name, values in later.items()},
        "the mean of later inputs": (whole - so_far) / np.maximum(1, lengths - 1 - steps)[:, None],
        "the sum of later inputs": whole - so_far,
        "the input mirrored in time": np.concatenate([mirror, np.square(mirror)], axis=1),
    }


class _Fit:
    """Ridge regressions from several groups of numbers, whose products are computed once."""

    def __init__(
        self,
        groups: Mapping[str, _Numbers],
        codes: Float64[np.ndarray, "targets codes"],
        asked: Mapping[str, Float64[np.ndarray, "asked numbers"]],
    ) -> None:
        inputs = np.concatenate([*groups.values()], axis=1)
        mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
        deviation = np.where(deviation > 1e-9 * (1 + np.abs(mean)), deviation, np.inf)
        scaled, self._asked = (
            np.clip((one - mean) / deviation, -_MAX_INPUT, _MAX_INPUT)
            for one in (inputs, np.concatenate([*asked.values()], axis=1))
        )
        centre = scaled.mean(axis=0)
        scaled -= centre
        self._asked -= centre
        self._offset = codes.mean(axis=0)
        self._products, self._answers = scaled.T @ scaled, scaled.T @ (codes - self._offset)
        sizes = [numbers.shape[1] for numbers in groups.values()]
        columns = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
        self._columns = dict(zip(groups, columns, strict=True))

    def predict(self, *names: str) -> Float64[np.ndarray, "asked codes"]:
        """Return the predictions from some groups."""
        columns = np.concatenate([self._columns[name] for name in names])
        products = self._products[np.ix_(columns, columns)]
        penalty = _PENALTY * (np.trace(products) / len(products) + 1e-12)
        weights = np.linalg.solve(products + penalty * np.eye(len(products)), self._answers[columns])
        predicted: Float64[np.ndarray, "asked codes"] = self._asked[:, columns] @ weights + self._offset
        return predicted


def _is_significant(gains: Float64[np.ndarray, "targets"], sequences: Int64[np.ndarray, "targets"]) -> bool:
    """Return whether the mean gain is beyond chance, with sequences as the independent units."""
    _, units = np.unique(sequences, return_inverse=True)
    means = np.bincount(units, gains) / np.bincount(units)
    error = means.std() / np.sqrt(len(means))
    return bool(means.mean() > _NUM_ERRORS * error)
