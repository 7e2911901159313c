"""AutoTrainer's symptoms with its published parameters.

Zhang, Zhai, Ma, Shen: AutoTrainer: An Automatic DNN Training Problem Detection and Repair System, ICSE 2021.
Parameters and the order in which symptoms are looked for are those of its program (shiningrain/AUTOTRAINER,
AutoTrainer/utils/utils.py: default_param, and monitor.py).

An evaluation stands for an epoch. Where the task knows no accuracy, the score clipped to 0 to 1 stands for
it, and validation's stands for training's, which is not recorded. Kernels are a layer's parameters together.
Its layers are those of the network from the one that sees the input to the readout. The share of gradients
that are zero is the mean over layers, for their sizes are not recorded.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.diagnosis.judge import Finding
from benchmarks.diagnosis.published.rule import by_part, is_finite
from failmap.analysis.diagnosis import Cause
from failmap.run_folder.records import Evaluation, TrialRecord

#: beta_1: the first layer's gradient norm over the last one's, and beta_2: the first one's. Below both it
#: vanishes.
VANISHING_RATIO, VANISHING_NORM = 1e-3, 1e-4
#: beta_3: the same ratio, above which it explodes.
EXPLODING_RATIO = 70.0
#: gamma: share of gradients that are zero.
DYING_SHARE = 0.7
#: zeta: from a minimum of the accuracy to a maximum, and eta: so many of these per epoch.
OSCILLATION, OSCILLATION_RATE = 0.03, 0.2
#: delta: the largest gain of accuracy from one epoch to the next.
SLOW_GAIN = 0.01
#: Theta: the accuracy that satisfies.
SATISFYING_ACCURACY = 0.7
#: A validation loss that counts as not finite.
LARGEST_LOSS = 1e5
#: Losses and accuracies are looked at after this share of the epochs, and everything at every third epoch.
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
    """The symptom at which it would have stopped the training; it names one only."""
    train = record.config["train"]
    num_epochs = math.ceil(train["max_updates"] / train["evaluate_every"])
    checks = range(1, len(history) + 1, CHECK_EVERY)
    judged_from = next((end for end in checks if end >= JUDGED_FROM * num_epochs), None)
    for end in checks:
        symptom = _symptom(history[:end], judged_from, record)
        if symptom is not None:
            told = f"stops at update {history[end - 1].update}"
            return (Finding(symptom, RIGHT_FOR[symptom], told),)
    return ()


def _symptom(seen: Sequence[Evaluation], judged_from: int | None, record: TrialRecord) -> str | None:
    if any(not is_finite(one) or (one.validation_loss or 0) >= LARGEST_LOSS for one in seen):
        return "exploding gradient"
    if judged_from is None or len(seen) < judged_from:
        return None
    accuracies = [accuracy(one, record) for one in seen]
    is_slow = max((after - before for before, after in pairwise(accuracies)), default=0.0) < SLOW_GAIN
    # An accuracy that did not satisfy when it was judged first is remembered, whatever comes of it.
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
    """Of the validation data; the score where the task is measured in something else."""
    is_accuracy = record.summary is not None and record.summary.metric == "accuracy"
    if is_accuracy and evaluation.metric is not None:
        return evaluation.metric
    return min(1.0, max(0.0, evaluation.score))


def oscillates(accuracies: Sequence[float]) -> bool:
    """Whether local maxima lie well above local minima, taken in pairs, often enough."""
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
