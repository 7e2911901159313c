"""Whether targets belong to inputs of another step, or of another row."""

from typing import NamedTuple

import numpy as np

from failmap.watcher.examples.dependence import MAX_CLASSES, MAX_TOKENS, Dependence, dependence
from failmap.watcher.examples.host_batch import Array, as_features
from failmap.watcher.examples.store import Examples

#: Steps before and after a target that are tried.
MAX_LAG = 8
#: Sequences and features that are looked at, at most, and sequences that are needed.
_MAX_SEQUENCES, _MAX_FEATURES, _MIN_SEQUENCES = 256, 16, 32
#: Sequences that are needed where equality is counted, and nothing fitted.
_FEW_SEQUENCES = 8
#: Correlation with a row's own inputs from which on no other row is tried.
_OWN = 0.3
#: Penalty of the regressions, as a share of the mean eigenvalue.
_PENALTY = 1e-3
#: Correlation from which on a target is an input, rather than a function of it.
SAME = 0.999


class LaterInput(NamedTuple):
    """How well targets at every step are predicted by a later input, and by all earlier ones.

    Attributes:
        lag: Steps from the target to the later input that predicts it best, at least 1.
        later, earlier: R squared on sequences that were left out, of that input alone and of the inputs from
            `MAX_LAG` steps before the target to its own together.
        is_input: Whether the target is that later input itself, as in a forecast.
    """

    lag: int
    later: float
    earlier: float
    is_input: bool


def later_input(examples: Examples, *, is_embedded: bool) -> LaterInput | None:
    """Compare later and earlier inputs as predictors of targets at every step, or return None if too few."""
    if not examples.is_by_step or len(examples.inputs) < _MIN_SEQUENCES:
        return None
    steps = _step_numbers(examples.inputs[:_MAX_SEQUENCES], is_embedded=is_embedded)
    codes = _step_codes(examples.targets[:_MAX_SEQUENCES])
    num_steps = steps.shape[1]
    reach = min(MAX_LAG, (num_steps - 2) // 3)
    if reach < 1:
        return None
    own = slice(reach, num_steps - reach)

    def at(lag: int) -> Array:
        """Return the inputs so many steps after each target."""
        return steps[:, reach + lag : num_steps - reach + lag]

    later = {lag: _held_out_r2(at(lag), codes[:, own]) for lag in range(1, reach + 1)}
    best = max(later, key=later.__getitem__)
    past = np.concatenate([at(-lag) for lag in range(reach + 1)], axis=2)
    is_input = _is_among(codes[:, own].reshape(-1, codes.shape[2]), at(best).reshape(-1, steps.shape[2]))
    return LaterInput(best, later[best], _held_out_r2(past, codes[:, own]), is_input)


def share_of_inputs(examples: Examples, lag: int) -> float | None:
    """Return the share of the targets at every step that are the input so many steps later.

    None if they vary too little to tell. Of several features, the one with the largest share counts. Negative
    classes, which losses ignore, are left out.
    """
    if not examples.is_by_step or len(examples.inputs) < _FEW_SEQUENCES or examples.inputs.shape[1] < lag + 2:
        return None
    inputs, targets = as_features(examples.inputs)[:, lag:], as_features(examples.targets)
    targets = targets[:, : targets.shape[1] - lag]
    counted = targets >= 0 if examples.has_classes else np.ones_like(targets, dtype=bool)
    if inputs.shape[:2] != targets.shape[:2] or not counted.any() or not np.ptp(targets[counted]):
        return None
    if targets.shape[2] not in (1, inputs.shape[2]):
        return None
    equal = ((inputs == targets) & counted).sum(axis=(0, 1)) / counted.sum(axis=(0, 1)).clip(min=1)
    return float(equal.max() if targets.shape[2] == 1 else equal.min())


class OtherRow(NamedTuple):
    """The dependence of targets on the inputs of a neighbouring row, and on their own.

    Attributes:
        offset: 1 if the inputs come one row after their targets, -1 if one row before.
        other, own: Both tests.
    """

    offset: int
    other: Dependence
    own: Dependence


def other_row(examples: Examples, *, is_embedded: bool, tested: Dependence | None = None) -> OtherRow | None:
    """Test whether targets depend on the inputs of a neighbouring row of their batch.

    Return None if they are no targets of a whole sequence or too few, and where rows overlap or follow each
    other in time, since a forecast's target is part of the next row's inputs.

    Args:
        examples: The examples.
        is_embedded: Whether whole numbers among the inputs are tokens.
        tested: The test of these targets with their own inputs, if it was made before.
    """
    if examples.is_by_step or len(examples.inputs) < _MIN_SEQUENCES:
        return None
    own = tested or dependence(examples.inputs, examples.targets, is_embedded=is_embedded)
    if own is None or max(own.linear, own.neighbour) > _OWN:
        return None
    found = []
    for offset in (-1, 1):
        rows = np.arange(max(0, -offset), len(examples.inputs) - max(0, offset))
        rows = rows[examples.batches[rows] == examples.batches[rows + offset]]
        inputs, targets = examples.inputs[rows + offset], examples.targets[rows]
        if len(rows) < _MIN_SEQUENCES or _is_among(
            targets.reshape(len(rows), -1).astype(np.float64), inputs.reshape(len(rows), -1)[:, -512:]
        ):
            continue
        test = dependence(inputs, targets, is_embedded=is_embedded)
        if test is not None:
            found.append(OtherRow(offset, test, own))
    return max(found, key=lambda one: max(one.other.linear, one.other.neighbour), default=None)


def _step_numbers(inputs: Array, *, is_embedded: bool) -> Array:
    """Return one-hot tokens, or features, shape (sequences, time, numbers)."""
    if is_embedded and inputs.dtype.kind in "iu" and inputs.ndim == 2:
        return _one_hot(inputs, MAX_TOKENS)
    return as_features(inputs)[:, :, :_MAX_FEATURES].astype(np.float64)


def _step_codes(targets: Array) -> Array:
    """Return one-hot classes, or values, shape (sequences, time, codes)."""
    if targets.dtype.kind in "iu" and targets.ndim == 2:
        return _one_hot(targets, MAX_CLASSES)
    return as_features(targets)[:, :, :_MAX_FEATURES].astype(np.float64)


def _one_hot(values: Array, num_kept: int) -> Array:
    names, counts = np.unique(values, return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")[:num_kept]]
    codes: Array = (values[:, :, None] == frequent).astype(np.float64)
    return codes


def _held_out_r2(numbers: Array, codes: Array) -> float:
    """Return the R squared of a ridge regression on the second half of the sequences, fitted on the first."""
    half = len(numbers) // 2
    parts = [
        (one[:half].reshape(-1, one.shape[2]), one[half:].reshape(-1, one.shape[2]))
        for one in (numbers, codes)
    ]
    (known, asked), (answers, wanted) = parts
    centre, level = known.mean(axis=0), answers.mean(axis=0)
    known, asked = known - centre, asked - centre
    products = known.T @ known
    penalty = _PENALTY * np.trace(products) / len(products) + 1e-9
    weights = np.linalg.solve(products + penalty * np.eye(len(products)), known.T @ (answers - level))
    spread = float(np.square(wanted - level).sum())
    error = float(np.square(wanted - level - asked @ weights).sum())
    return 1 - error / spread if spread > 0 else 0.0


def _is_among(targets: Array, inputs: Array) -> bool:
    """Return whether any number of the targets equals one of the inputs' up to scale."""
    columns = [one - one.mean(axis=0) for one in (targets, inputs.astype(np.float64))]
    sizes = [np.linalg.norm(one, axis=0) for one in columns]
    products = np.abs(columns[0].T @ columns[1])
    size = np.outer(*sizes)
    shares = np.divide(products, size, out=np.zeros_like(products), where=size > 0)
    return bool(shares.max(initial=0.0) > SAME)
