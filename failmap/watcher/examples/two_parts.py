"""Training and validation examples beside each other: shared rows, and shift."""

import numpy as np

from failmap.search.trial.probes.common import Signals
from failmap.watcher.examples.host_batch import Array
from failmap.watcher.examples.store import Examples, ExampleStore, digests, is_enumerable

#: Share of the latest batches' sequences that must have been seen before, so that shares mean anything.
_LEAST_COVERAGE = 0.3
#: Examples of each part that are needed.
_MIN_EXAMPLES = 50


def shared_rows(train: ExampleStore, validation: Examples) -> Signals:
    """Return the share of the validation sequences that training shows as well, corrected for those unseen.

    The chance that a training sequence was seen is the share of the latest batches that had been shown
    before. Nothing is returned if that is too small, if there are too few sequences, or if they repeat
    anyway: enumerable ones, such as short ones of bits, or windows of a periodic series.
    """
    rows = validation.distinct()
    inputs = rows.inputs.reshape(len(rows.inputs), -1)
    varies = np.ptp(inputs, axis=1) > 0
    latest = [one.coverage for one in train.meetings[-3:]]
    coverage = float(np.mean(latest)) if len(train.meetings) > 6 else 0.0
    is_rare = coverage < _LEAST_COVERAGE or varies.sum() < _MIN_EXAMPLES
    if is_rare or train.has_repeats or is_enumerable(rows.inputs):
        return {}
    found = np.mean([one in train.digests for one in digests(rows.inputs[varies])])
    return {
        "shared_rows": {"share": float(found) / coverage, "coverage": coverage, "rows": int(varies.sum())}
    }


def shift(train: Examples, validation: Examples) -> Signals:
    """Return the shift between training and validation as `Summary` defines it; nothing of too few examples.

    Tokens have no range.
    """
    if min(len(train.inputs), len(validation.inputs)) < _MIN_EXAMPLES:
        return {}
    if train.inputs.shape[2:] != validation.inputs.shape[2:] or train.has_classes != validation.has_classes:
        return {}
    inputs = 0.0
    if train.inputs.dtype.kind == "f":
        inputs = _share_outside(
            *(one.inputs.reshape(-1, *one.inputs.shape[2:]) for one in (train, validation))
        )
    if train.has_classes:
        is_unseen = ~np.isin(validation.targets, np.unique(train.targets))
        return {"target_shift": float(is_unseen.mean()), "mean_shift": 0.0, "input_shift": inputs}
    known, asked = (one.targets.reshape(-1, 1) for one in (train, validation))
    deviation = float(known.std())
    distance = abs(float(asked.mean()) - float(known.mean()))
    return {
        "target_shift": _share_outside(known, asked),
        "mean_shift": distance / deviation if deviation > 0 else 0.0,
        "input_shift": inputs,
    }


def _share_outside(known: Array, asked: Array) -> float:
    is_outside = (asked < known.min(axis=0)) | (asked > known.max(axis=0))
    return float(is_outside.mean())
