"""Bugs in the loss and in the optimizer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.diagnosis.faults.network import readouts, recurrences
from failmap.datasets.task import Batch
from failmap.search.trial.objective import Objective
from failmap.search.trial.session import TrialSession


class NegatedObjective(Objective):
    """A loss of the wrong sign, as if a reward or likelihood were minimized."""

    def loss(self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Float[Tensor, ""]:
        """Return the negated mean loss."""
        return -super().loss(outputs, batch)


class BroadcastObjective(Objective):
    """A loss that compares every output with the targets of all sequences.

    This happens if (batch, 1) and (batch,) are broadcast to (batch, batch).
    """

    def loss(self, outputs: Float[Tensor, "batch *label 1"], batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss over all pairs of sequences."""
        num_sequences = len(outputs)
        targets = torch.cat([batch.targets] * num_sequences)
        return super().loss(outputs.repeat_interleave(num_sequences, dim=0), batch._replace(targets=targets))


def ascend(session: TrialSession) -> None:
    """Maximize the loss: `maximize=True`, or a gradient that is added instead of subtracted."""
    for group in session.training.optimizer.param_groups:
        group["maximize"] = True


def negate_loss(session: TrialSession) -> None:
    """Negate the loss in training and validation."""
    session.training.objective = NegatedObjective(session.config.output, session.training.task)


def broadcast_loss(session: TrialSession) -> None:
    """Compare every output with the targets of all sequences."""
    assert session.training.task.output_size == 1, "only single outputs broadcast silently"
    session.training.objective = BroadcastObjective(session.config.output, session.training.task)


def freeze_layers(session: TrialSession) -> None:
    """Leave recurrent layers with requires_grad=False, as after fine-tuning."""
    for recurrence in recurrences(session.training.model):
        recurrence.requires_grad_(False)


def leave_layers_out(session: TrialSession) -> None:
    """Give the optimizer only the readout's parameters."""
    (group,) = session.training.optimizer.param_groups
    group["params"] = [
        parameter for readout in readouts(session.training.model) for parameter in readout.parameters()
    ]


def replace_layers_late(session: TrialSession) -> None:
    """Replace the recurrent layers' parameters after the optimizer was built with the old ones."""
    for recurrence in recurrences(session.training.model):
        for name, parameter in list(recurrence.named_parameters()):
            setattr(recurrence, name, nn.Parameter(parameter.detach().clone()))
