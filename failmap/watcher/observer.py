"""The contract of observers: what they may see of somebody's training loop, and when."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from failmap.search.trial.probes.common import Signals


@dataclass(frozen=True)
class Watched:
    """What a loop trains.

    Attributes:
        model: The network, possibly wrapped, compiled or frozen in part.
        optimizer: Its optimizer.
        loss_fn: The loss as the user calls it; None if it was not given.
        time_dim: Dimension of the time steps in the inputs, if the user told it.
    """

    model: nn.Module
    optimizer: Optimizer
    loss_fn: Any = None
    time_dim: int | None = None


# Not frozen, because one is made at every step of somebody's loop, and that would take thrice as long.
@dataclass(eq=False, slots=True, weakref_slot=True)
class Step:
    """One step of a loop, as a call of `watch.step` or `watch.validate` shows it. Nothing may be changed.

    Attributes:
        update: Number of the optimizer's steps so far, this one included.
        loss: The loss, with its graph if the user kept it; a scalar.
        inputs, outputs, targets: First tensor of what the user gave; None if nothing was given. Outputs have
            their graph: names and shapes may be read, its saved tensors are gone after the backward pass.
            Inputs that are a packed sequence are padded at looks, and None at other steps.
        is_training: Whether the model was in training mode in its last forward pass.
    """

    update: int
    loss: Tensor
    inputs: Tensor | None = None
    outputs: Tensor | None = None
    targets: Tensor | None = None
    is_training: bool = True


class Observer:
    """Observes some steps of a loop, the looks: the first four steps, and later ones ever more rarely.

    Observers never run the user's forward pass again, draw no global random numbers, change no tensor, and
    set hooks only from `before_look` to `after_look`. What they raise is turned into one warning.

    Args:
        watched: What is trained.
    """

    def __init__(self, watched: Watched) -> None:
        self.watched = watched

    def before_look(self) -> None:
        """Prepare for the next step, before its forward pass, which is looked at."""

    def after_look(self, step: Step) -> Signals:
        """Return the signals of a step that was looked at, after the optimizer's step; remove all hooks."""
        return {}

    def at_step(self, step: Step) -> None:
        """See a step, looked at or not, that may differ from the last one: shapes may be read, no numbers."""

    def at_repeats(self, number: int) -> None:
        """See that many more steps with the shapes, mode and learning rates of the last one."""

    def at_validation(self, step: Step) -> Signals:
        """Return the signals of one call of `watch.validate`; at most about a hundred of them are shown."""
        return {}

    def at_end(self) -> Signals:
        """Return the signals of the whole training, which join those of the last evaluation."""
        return {}

    def remove(self) -> None:
        """Remove every hook."""
