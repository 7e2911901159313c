"""Bugs between the outputs and the weights: in the loss, and in what the optimizer is given."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.diagnosis.faults.network import readouts, recurrences
from failmap.datasets.task import Batch
from failmap.search.trial.objective import Objective
from failmap.search.trial.session import TrialSession


class NegatedObjective(Objective):
    """A loss of the wrong sign, as where a reward or a likelihood is minimised."""

    def loss(self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Float[Tensor, ""]:
        """Minus the mean loss."""
        return -super().loss(outputs, batch)


class BroadcastObjective(Objective):
    """A loss that compares every output with the targets of all sequences.

    It is what (batch, 1) against (batch,) comes to when both are broadcast to (batch, batch).
    """

    def loss(self, outputs: Float[Tensor, "batch *label 1"], batch: Batch) -> Float[Tensor, ""]:
        """The mean loss over all pairs of sequences."""
        num_sequences = len(outputs)
        targets = torch.cat([batch.targets] * num_sequences)
        return super().loss(outputs.repeat_interleave(num_sequences, dim=0), batch._replace(targets=targets))


def ascend(session: TrialSession) -> None:
    """The optimizer climbs: `maximize=True`, or a gradient added that was to be taken away."""
    for group in session.training.optimizer.param_groups:
        group["maximize"] = True


def negate_loss(session: TrialSession) -> None:
    """The loss has the wrong sign, in training and in validation."""
    session.training.objective = NegatedObjective(session.config.output, session.training.task)


def broadcast_loss(session: TrialSession) -> None:
    """The loss compares every output with the targets of all sequences."""
    assert session.training.task.output_size == 1, "outputs of one number broadcast unseen"
    session.training.objective = BroadcastObjective(session.config.output, session.training.task)


def freeze_layers(session: TrialSession) -> None:
    """Recurrent layers are left with requires_grad=False, as after a stage of fine-tuning."""
    for recurrence in recurrences(session.training.model):
        recurrence.requires_grad_(False)


def leave_layers_out(session: TrialSession) -> None:
    """The optimizer is given the readout's parameters only."""
    (group,) = session.training.optimizer.param_groups
    group["params"] = [
        parameter for readout in readouts(session.training.model) for parameter in readout.parameters()
    ]


def replace_layers_late(session: TrialSession) -> None:
    """Recurrent layers are made anew after the optimizer took hold of the old ones."""
    for recurrence in recurrences(session.training.model):
        for name, parameter in list(recurrence.named_parameters()):
            setattr(recurrence, name, nn.Parameter(parameter.detach().clone()))
