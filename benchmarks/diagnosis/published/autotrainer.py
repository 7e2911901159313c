"""AutoTrainer's symptoms with its published parameters.

Zhang, Zhai, Ma, Shen: AutoTrainer: An Automatic DNN Training Problem Detection and Repair System, ICSE 2021.
Parameters and the order of symptoms are those of its program (shiningrain/AUTOTRAINER,
AutoTrainer/utils/utils.py: default_param, and monitor.py).

An evaluation is used as an epoch, and validation accuracy as training accuracy, which is not recorded. For
tasks without accuracy, the score clipped to 0 to 1 is used. A kernel is all parameters of a layer; layers are
ordered from the input to the readout. The share of zero gradients is the mean over layers, because their
sizes are not recorded.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.diagnosis.judge import Finding
from benchmarks.diagnosis.published.rule import by_part, is_finite
from failmap.analysis.diagnosis import Cause
from failmap.run_folder.records import Evaluation, TrialRecord

#: beta_1: ratio of the gradient norms of the first and last layer, and beta_2: norm of the first one. Below
#: both it vanishes.
VANISHING_RATIO, VANISHING_NORM = 1e-3, 1e-4
#: beta_3: the same ratio, above which it explodes.
EXPLODING_RATIO = 70.0
#: gamma: share of zero gradients.
DYING_SHARE = 0.7
#: zeta: rise from a minimum of the accuracy to a maximum, and eta: number of these per epoch.
OSCILLATION, OSCILLATION_RATE = 0.03, 0.2
#: delta: largest gain of accuracy between two epochs.
SLOW_GAIN = 0.01
#: Theta: the satisfying accuracy.
SATISFYING_ACCURACY = 0.7
#: A validation loss that counts as not finite.
LARGEST_LOSS = 1e5
#: Losses and accuracies are checked after this share of the epochs, and everything at every third epoch.
JUDGED_FROM, CHECK_EVERY = 0.3, 3

RIGHT_FOR: dict[str, frozenset[Cause]] = {
    "exploding gradient": frozenset({"diverged", "exploding_gradient", "oscillating", "input_scale"}),
    "dying ReLU": frozenset({"dead_units", "disconnected", "frozen"}),
    "vanishing gradient": frozenset(
        {"vanishing_in_time", "vanishing_in_depth", "saturated", "disconnected", "frozen"}
    ),
    "slow convergence": frozenset(
        {
            "too_slow",
            "no_signal",
            "partial_solution",
            "too_small",
            "unreachable_output",
            "labels_or_loss_wrong",
            "too_little_data",
        }
    ),
    "oscillating loss": frozenset({"oscillating", "exploding_gradient"}),
}


def autotrainer(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[Finding, ...]:
    """Return the symptom at which AutoTrainer would have stopped the training, at most one."""
    train = record.config["train"]
    num_epochs = math.ceil(train["max_updates"] / train["evaluate_every"])
    checks = range(1, len(history) + 1, CHECK_EVERY)
    judged_from = next((end for end in checks if end >= JUDGED_FROM * num_epochs), None)
    for end in checks:
        symptom = _symptom(history[:end], judged_from, record)
        if symptom is not None:
            evidence = f"stops at update {history[end - 1].update}"
            return (Finding(symptom, RIGHT_FOR[symptom], evidence),)
    return ()


def _symptom(seen: Sequence[Evaluation], judged_from: int | None, record: TrialRecord) -> str | None:
    if any(not is_finite(one) or (one.validation_loss or 0) >= LARGEST_LOSS for one in seen):
        return "exploding gradient"
    if judged_from is None or len(seen) < judged_from:
        return None
    accuracies = [accuracy(one, record) for one in seen]
    is_slow = max((after - before for before, after in pairwise(accuracies)), default=0.0) < SLOW_GAIN
    # An accuracy that did not satisfy at the first check is remembered.
    if max(accuracies[:judged_from]) >= SATISFYING_ACCURACY and not is_slow:
        return "oscillating loss" if oscillates(accuracies) else None
    checked = seen[::CHECK_EVERY]
    if any(_zero_share(one) >= DYING_SHARE for one in checked):
        return "dying ReLU"
    ends = [pair for one in checked if (pair := _first_and_last(one)) is not None]
    if any(first > EXPLODING_RATIO * last for first, last in ends):
        return "exploding gradient"
    if any(first < VANISHING_RATIO * last and first < VANISHING_NORM for first, last in ends):
        return "vanishing gradient"
    return "slow convergence" if is_slow else None


def accuracy(evaluation: Evaluation, record: TrialRecord) -> float:
    """Return the validation accuracy, or the clipped score if the task has another metric."""
    is_accuracy = record.summary is not None and record.summary.metric == "accuracy"
    if is_accuracy and evaluation.metric is not None:
        return evaluation.metric
    return min(1.0, max(0.0, evaluation.score))


def oscillates(accuracies: Sequence[float]) -> bool:
    """Return whether enough pairs of local maxima and minima differ by `OSCILLATION`."""
    inner = range(1, len(accuracies) - 1)
    around = [(accuracies[i - 1], accuracies[i], accuracies[i + 1]) for i in inner]
    maxima = [now for before, now, after in around if now >= before and now >= after]
    minima = [now for before, now, after in around if now <= before and now <= after]
    swings = sum(high - low >= OSCILLATION for high, low in zip(maxima, minima, strict=False))
    return swings >= OSCILLATION_RATE * len(accuracies)


def _zero_share(evaluation: Evaluation) -> float:
    shares = by_part(evaluation, "gradient_zeros_by_layer").values()
    return sum(shares) / len(shares) if shares else 0.0


def _first_and_last(evaluation: Evaluation) -> tuple[float, float] | None:
    norms = list(by_part(evaluation, "gradient_norm_by_layer").values())
    return (norms[0], norms[-1]) if len(norms) >= 2 else None
