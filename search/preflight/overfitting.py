"""Whether a network can learn one small batch by heart, with the trial's own optimizer and learning rate."""

import math
from collections.abc import Sequence
from time import monotonic

import torch
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.run_folder.wording import quantity
from failmap.search.preflight.finding import Finding, Status, remedies
from failmap.search.preflight.rates import Course, Kind, course, target_loss
from failmap.search.preflight.subject import Subject, constant_guess_loss, floor_on
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.training import Training

#: Sequences of the batch, and updates at most.
NUM_SEQUENCES, MAX_UPDATES = 8, 3000
#: Weights that have moved by less than this share of their size have not moved.
_MOVED_SHARE = 1e-3
_UNIT = "of a constant guess' loss"

_ADVICE: dict[Kind, str] = {
    "explodes": "a learning rate 10 times lower, or train.clip_norm=1.0; range_test=true finds one",
    "goes up": "a learning rate 10 times lower, or train.clip_norm=1.0; range_test=true finds one",
    "oscillates": "a learning rate 3 to 10 times lower, or a larger train.batch_size",
    "falling": "nothing is proven: give it more updates, or a higher learning rate",
    "flat": "a higher learning rate, or another optimizer; range_test=true finds one",
    "at the floor": "the output can go no lower: see output_floor",
}


class TooFewUpdatesError(Exception):
    """The time allowed for so few updates that nothing can be said."""


def overfitting(subject: Subject) -> Finding:
    """Trains on one fixed batch, dropout off, until it is known by heart or the time is up.

    Raises:
        TooFewUpdatesError: so few updates were possible that nothing can be said.
    """
    batch = subject.draw(NUM_SEQUENCES)
    training = Training(_without_dropout(subject.config), torch.device("cpu"))
    before = _weights(training)
    blind, floor = constant_guess_loss(subject, batch), floor_on(subject, batch).loss
    losses = _losses(training, batch, target_loss(blind, floor), subject.patience_seconds)
    seen = course(losses, blind, floor)
    if seen.kind == "too few":
        raise TooFewUpdatesError(
            f"only {len(losses)} updates in {subject.patience_seconds:.1f} s: nothing can be said"
        )
    details = {
        "updates": float(len(losses)),
        "first_loss": losses[0],
        "last_loss": seen.last,
        "constant_guess": blind,
        "floor": floor,
    }
    share = seen.last / blind if blind else math.nan
    moved = ((_weights(training) - before).norm() / before.norm()).item()
    message = _message(seen, losses, blind)
    if seen.kind == "overfitted":
        return Finding("pass", message, share, _UNIT, details=details)
    if moved < _MOVED_SHARE and seen.kind.startswith("flat"):
        message += f"; the weights moved by {moved:.1g} of their size"
        return Finding("fail", message, share, _UNIT, _ADVICE["flat"], details)
    status: Status = "warn" if seen.kind == "falling" else "fail"
    return Finding(status, message, share, _UNIT, _advice(subject.config, seen), details)


def _advice(config: TrialConfig, seen: Course) -> str:
    if seen.kind != "flat at chance":
        return _ADVICE[seen.kind]
    ways = ("fewer layers", "shorter sequences", "task.supervision=every_step", "model.layer_norm=true")
    return f"the input does not reach the output: {remedies(config, *ways)}"


def _losses(training: Training, batch: Batch, target: float, seconds: float) -> list[float]:
    """The loss at each update, until the target, the updates or the seconds are reached."""
    deadline = monotonic() + seconds
    last_update = training.config.train.max_updates - 1
    losses: list[float] = []
    training.model.train()
    for update in range(MAX_UPDATES):
        # The schedule's end is its lowest rate: there is nothing after it.
        update = min(update, last_update)
        teacher = training.teacher(batch, update)
        outputs = training.precision.outputs(training.model, batch.inputs, batch.lengths, teacher)
        loss = training.objective.loss(outputs, batch)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] <= target or monotonic() > deadline:
            break
        training.backward(loss)
        training.clip()
        training.step(update)
    return losses


def _message(seen: Course, losses: Sequence[float], blind: float) -> str:
    after = f"after {quantity(len(losses), 'update')}"
    if seen.kind == "explodes":
        return f"the loss of a fixed batch explodes: not finite {after}"
    if seen.kind == "overfitted":
        return f"a batch of {NUM_SEQUENCES} is known by heart {after}"
    words = {
        "falling": "still falls",
        "flat": "stays flat",
        "flat at chance": "stays flat at chance",
        "at the floor": "stays at the floor",
    }.get(seen.kind, seen.kind)
    return (
        f"the loss of a fixed batch {words}: {losses[0]:.3g} to {seen.last:.3g} {after}, a constant guess "
        f"has {blind:.3g}"
    )


def _without_dropout(config: TrialConfig) -> TrialConfig:
    """Dropout keeps a network from learning by heart: that is what it is for."""
    names = {"dropout", "variational_dropout"} & set(type(config.model).model_fields)
    return config.model_copy(update={"model": config.model.model_copy(update=dict.fromkeys(names, 0.0))})


def _weights(training: Training) -> Tensor:
    return torch.cat([parameter.detach().double().flatten() for parameter in training.parameters])
