"""Check that a network can memorise one small batch with the trial's own optimizer and learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from time import monotonic
from typing import Literal

import torch
from torch.nn.utils import parameters_to_vector

from failmap.datasets.task import Batch
from failmap.run_folder.wording import quantity
from failmap.search.preflight.check import Finding, Status, Subject, TimeLimitError, remedies
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.training import Training

#: Sequences of the batch, and updates at most.
NUM_SEQUENCES, MAX_UPDATES = 8, 3000
#: With fewer updates only an explosion can be recognised.
MIN_LOSSES = 30
#: Share of the gap between the best constant and the floor that may remain in a memorised batch.
LEFT_SHARE = 0.1
#: A loss that ends above this many times its beginning goes up.
_RISE_FACTOR = 1.5
#: The loss is still falling if a fifth of the updates takes this share off what is left above the floor.
_FALL_SHARE = 0.03
#: It oscillates if the last fifth spreads over this share of its median, and turns at every fourth update.
_SPREAD_SHARE, _TURN_SHARE = 0.25, 0.25
#: Tolerance of "at chance" and "stays at the floor", as a share of the constant's loss.
_TOLERANCE = 0.05
#: Relative change of the weights below which they have not moved.
_MIN_WEIGHT_CHANGE = 1e-3

TrendKind = Literal[
    "overfitted", "explodes", "goes up", "still falls", "oscillates",
    "stays flat", "stays flat at chance", "stays at the floor", "too few",
]  # fmt: skip
_ADVICE: dict[TrendKind, str] = {
    "explodes": "a learning rate 10 times lower, or train.clip_norm=1.0; range_test=true finds one",
    "goes up": "a learning rate 10 times lower, or train.clip_norm=1.0; range_test=true finds one",
    "oscillates": "a learning rate 3 to 10 times lower, or a larger train.batch_size",
    "still falls": "inconclusive: give it more updates, or a higher learning rate",
    "stays flat": "a higher learning rate, or another optimizer; range_test=true finds one",
    "stays at the floor": "the output can go no lower: see output_floor",
}


@dataclass(frozen=True)
class Trend:
    """The kind of a loss curve, and its final loss: the median of the last fifth of the updates."""

    kind: TrendKind
    last: float


def overfitting(subject: Subject) -> Finding:
    """Train on one fixed batch without dropout until it is memorised or the time is up.

    Raises:
        TimeLimitError: The time allowed too few updates for a conclusion.
    """
    batch = subject.draw(NUM_SEQUENCES)
    training = Training(_without_dropout(subject.config), torch.device("cpu"))
    before = parameters_to_vector(training.parameters).detach().double()
    constant, floor = subject.constant_guess_loss(batch), subject.loss_floor(batch).loss
    losses = _train(training, batch, target_loss(constant, floor), subject.training_seconds)
    trend = classify_trend(losses, constant, floor)
    if trend.kind == "too few":
        seconds = subject.training_seconds
        raise TimeLimitError(f"only {len(losses)} updates in {seconds:.1f} s: too few for a conclusion")
    details = {
        "updates": float(len(losses)),
        "first_loss": losses[0],
        "last_loss": trend.last,
        "constant_guess": constant,
        "floor": floor,
    }
    share, unit = trend.last / constant if constant else math.nan, "of a constant guess' loss"
    message = _message(trend, losses, constant)
    if trend.kind == "overfitted":
        return Finding("pass", message, share, unit, details=details)
    after = parameters_to_vector(training.parameters).detach().double()
    weight_change = ((after - before).norm() / before.norm()).item()
    if weight_change < _MIN_WEIGHT_CHANGE and trend.kind.startswith("stays flat"):
        message += f"; the weights moved by {weight_change:.1g} of their size"
        return Finding("fail", message, share, unit, _ADVICE["stays flat"], details)
    status: Status = "warn" if trend.kind == "still falls" else "fail"
    if trend.kind == "stays flat at chance":
        options = "fewer layers", "shorter sequences", "task.supervision=every_step", "model.layer_norm=true"
        advice = f"the input does not reach the output: {remedies(subject.config, *options)}"
    else:
        advice = _ADVICE[trend.kind]
    return Finding(status, message, share, unit, advice, details)


def target_loss(constant: float, floor: float) -> float:
    """Return the loss at or below which a batch counts as memorised."""
    return floor + LEFT_SHARE * (constant - floor)


def classify_trend(losses: Sequence[float], constant: float, floor: float) -> Trend:
    """Classify the loss curve of a fixed batch.

    Args:
        losses: Loss at each update; at least one.
        constant: Loss of the best constant output on the batch.
        floor: Lowest loss that any output can reach.
    """
    if not all(map(math.isfinite, losses)):
        return Trend("explodes", math.nan)
    fifth = max(1, len(losses) // 5)
    last = median(losses[-fifth:])
    if min(losses[-fifth:]) <= target_loss(constant, floor):
        return Trend("overfitted", min(losses[-fifth:]))
    if len(losses) < MIN_LOSSES:
        return Trend("too few", last)
    if last > _RISE_FACTOR * max(median(losses[:3]), constant):
        return Trend("goes up", last)
    before = median(losses[-2 * fifth : -fifth])
    earlier = median(losses[-3 * fifth : -2 * fifth])
    if last - floor < (1 - _FALL_SHARE) * (before - floor) and before < earlier:
        return Trend("still falls", last)
    if _oscillates(losses[-fifth:]):
        return Trend("oscillates", last)
    if abs(last - constant) <= _TOLERANCE * abs(constant):
        return Trend("stays flat at chance", last)
    if last - floor <= _TOLERANCE * abs(constant):
        return Trend("stays at the floor", last)
    return Trend("stays flat", last)


def _oscillates(losses: Sequence[float]) -> bool:
    """Return whether losses turn often and spread widely around their median."""
    steps = [after - before for before, after in pairwise(losses)]
    turns = sum(one * other < 0 for one, other in pairwise(steps))
    ranked = sorted(losses)
    low, high = ranked[len(ranked) // 10], ranked[-1 - len(ranked) // 10]
    return high - low > _SPREAD_SHARE * abs(median(losses)) and turns >= _TURN_SHARE * max(len(steps) - 1, 1)


def _train(training: Training, batch: Batch, target: float, seconds: float) -> list[float]:
    """Train until the target loss, the last update or the time limit, and return the loss at each update."""
    deadline = monotonic() + seconds
    last_update = training.config.train.max_updates - 1
    losses: list[float] = []
    training.model.train()
    for update in range(MAX_UPDATES):
        # Schedules are defined up to the last update; beyond it, its rate is kept.
        losses.append(training.update(min(update, last_update), batch=batch).item())
        if not math.isfinite(losses[-1]) or losses[-1] <= target or monotonic() > deadline:
            break
    return losses


def _message(trend: Trend, losses: Sequence[float], constant: float) -> str:
    after = f"after {quantity(len(losses), 'update')}"
    if trend.kind == "explodes":
        return f"the loss of a fixed batch explodes: not finite {after}"
    if trend.kind == "overfitted":
        return f"a batch of {NUM_SEQUENCES} is memorised {after}"
    change = f"{losses[0]:.3g} to {trend.last:.3g} {after}"
    return f"the loss of a fixed batch {trend.kind}: {change}, a constant guess has {constant:.3g}"


def _without_dropout(config: TrialConfig) -> TrialConfig:
    """Dropout is meant to prevent memorisation, so it is off here."""
    names = {"dropout", "variational_dropout"} & set(type(config.model).model_fields)
    return config.model_copy(update={"model": config.model.model_copy(update=dict.fromkeys(names, 0.0))})
