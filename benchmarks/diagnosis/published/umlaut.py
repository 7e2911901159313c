"""UMLAUT's heuristics for a running training, with their published bounds.

Schoop, Huang, Hartmann: UMLAUT: Debugging Deep Learning Programs using Program Structure and Model Behavior,
CHI 2021; bounds are those of its program (BerkeleyHCI/umlaut, umlaut/heuristics.py). An evaluation is used as
an epoch. Not included are the checks of source code and shapes (missing activation or softmax, shape and type
of the input), and of validation accuracy above training accuracy, which is not recorded.
"""

from collections.abc import Sequence
from itertools import pairwise

from benchmarks.diagnosis.published.rule import Rule, judge_by, whenever
from failmap.run_folder.records import Evaluation, TrialRecord

#: Inputs beyond this are not normalized.
LARGEST_INPUT = 1.0
#: Learning rates outside this range are reported.
LEAST_RATE, LARGEST_RATE = 1e-7, 0.01
#: A validation accuracy above this is too good, from this epoch on.
SUSPICIOUS_ACCURACY, SUSPICIOUS_FROM = 0.95, 3


def inputs_too_large(record: TrialRecord, evaluation: Evaluation) -> bool:
    """Return whether an input is outside -1 to 1."""
    largest = evaluation.signals.get("input_scale", {}).get("largest")
    return largest is not None and abs(largest) > LARGEST_INPUT


def loss_not_a_number(record: TrialRecord, evaluation: Evaluation) -> bool:
    """Return whether the training loss is not a number."""
    return evaluation.train_loss is None


def rate_too_high(record: TrialRecord, evaluation: Evaluation) -> bool:
    """Return whether the learning rate is above 0.01."""
    return bool((evaluation.signals.get("learning_rate") or 0.0) > LARGEST_RATE)


def rate_too_low(record: TrialRecord, evaluation: Evaluation) -> bool:
    """Return whether the learning rate is below 1e-7."""
    rate = evaluation.signals.get("learning_rate")
    return rate is not None and rate < LEAST_RATE


def overfits(record: TrialRecord, history: Sequence[Evaluation]) -> int | None:
    """Return the first evaluation at which the validation loss rises and the training loss does not."""
    for index, (before, now) in enumerate(pairwise(history), start=1):
        validation = _change(before.validation_loss, now.validation_loss)
        train = _change(before.train_loss, now.train_loss)
        if validation is not None and validation > 0 and train is not None and train <= 0:
            return index
    return None


def too_good(record: TrialRecord, history: Sequence[Evaluation]) -> int | None:
    """Return the first evaluation, from the fourth on, with a validation accuracy above 95 %."""
    if record.summary is None or record.summary.metric != "accuracy":
        return None
    late = range(SUSPICIOUS_FROM, len(history))
    return next((i for i in late if (history[i].metric or 0.0) > SUSPICIOUS_ACCURACY), None)


def _change(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else now - before


#: Order of rules that fire at the same evaluation.
RULES = (
    Rule(
        "NaNInLoss", frozenset({"diverged", "exploding_gradient", "input_scale"}), whenever(loss_not_a_number)
    ),
    Rule("InputNotNormalized", frozenset({"input_scale"}), whenever(inputs_too_large)),
    Rule(
        "LRHigh",
        frozenset({"diverged", "exploding_gradient", "oscillating", "saturated", "dead_units"}),
        whenever(rate_too_high),
    ),
    Rule("LRLow", frozenset({"too_slow"}), whenever(rate_too_low)),
    Rule("OverconfidentValAccuracy", frozenset({"leak"}), too_good),
    Rule("Overfitting", frozenset({"overfit", "too_little_data"}), overfits),
)

umlaut = judge_by(RULES)
