"""The training loop: no host synchronisation, and each update depends on the seed and its number alone."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor

from failmap.datasets import build_task
from failmap.datasets.task import Batch, Task
from failmap.models import build_model
from failmap.models.network import Interface, Network, Teacher
from failmap.search.trial.checkpoint import Snapshot
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.objective import Objective
from failmap.search.trial.optimizers import add_l2_penalty, build_optimizer, clip, learning_rate
from failmap.search.trial.precision import Precision
from failmap.search.trial.probes.update import UpdateProbe


def build_network(config: TrialConfig, task: Task) -> Network:
    """Build the network of a trial for its task, with weights drawn from torch's global generator."""
    interface = Interface(
        input_size=task.input_size,
        output_size=task.output_size,
        num_steps=task.num_steps,
        layout=config.task.target_layout,
        decoded_steps=config.task.decoded_steps,
        frame_shape=config.task.frame_shape,
    )
    return build_model(config.model, interface)


class Interval(NamedTuple):
    """The losses of the updates between two evaluations, and the last one's probe, still on the device."""

    losses: Tensor
    probe: UpdateProbe


class Training:
    """A task, a network, an objective and an optimizer, seeded and on one device.

    Attributes:
        batch_size: Sequences per update.
        rate_share: Share of the learning rate that the schedule `plateau` has left.

    Raises:
        PrecisionError: The device does not support `train.precision`.
    """

    def __init__(self, config: TrialConfig, device: torch.device) -> None:
        # Vanishing gradients become denormal (below 1e-38), which makes a CPU 7 to 10 times slower. The
        # setting is per thread and affects the last bits, so it is set here.
        torch.set_flush_denormal(True)
        self.config = config
        self.device = device
        self.precision = Precision(config.train.precision, device)
        self.task = build_task(config.task, device)
        batch_size = self.task.num_train if config.train.batch_size == "full" else config.train.batch_size
        assert batch_size is not None, "TrialConfig refuses a full batch of sequences that are drawn anew"
        self.batch_size = batch_size
        self.rate_share = 1.0
        # Drawn on the CPU whatever the device, so that a seed means the same weights everywhere.
        torch.manual_seed(_seed_for(config.seed, "initialization"))
        self.model = build_network(config, self.task).to(device)
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(config.train, self.parameters)
        self.objective = Objective(config.output, self.task)
        self.model.feed_back_through(self.objective.head.predict)

    def begin_interval(self, update: int) -> None:
        """Seed dropout, and all other random numbers, for the updates until the next evaluation."""
        if self.config.model.draws_randomly:
            torch.manual_seed(_seed_for(self.config.seed, f"dropout/{update}"))

    def batch(self, update: int) -> Batch:
        """Return the training batch of an update, counted from 0."""
        train = self.config.train
        return self.task.train_batch(
            self.config.seed, update, self.batch_size, progress=update / train.max_updates
        )

    def teacher(self, batch: Batch, update: int) -> Teacher:
        """Return the target sequences, for a decoder with teacher forcing."""
        return Teacher(batch.targets, update / self.config.train.max_updates)

    def run(self, first: int, end: int, is_stopped: Callable[[], bool]) -> Interval | None:
        """Run the updates from `first` to `end` - 1, the last one probed; return None if stopped."""
        self.begin_interval(first)
        losses: list[Tensor] = []
        probe = None
        for update in range(first, end):
            if is_stopped():
                return None
            probe = UpdateProbe.of_network(self.model) if update == end - 1 else None
            losses.append(self.update(update, probe=probe))
        assert probe is not None, "an interval has at least one update"
        return Interval(torch.stack(losses), probe)

    def update(
        self,
        update: int,
        *,
        probe: UpdateProbe | None = None,
        rate: float | None = None,
        batch: Batch | None = None,
    ) -> Tensor:
        """Make one update and return its loss, on the device.

        Args:
            update: The update, counted from 0.
            probe: Measures the update, if given.
            rate: A learning rate that replaces the schedule's.
            batch: A batch that replaces the update's.
        """
        batch = batch or self.batch(update)
        if probe is not None:
            batch = batch._replace(inputs=batch.inputs.requires_grad_())
        outputs = self.precision.outputs(self.model, batch.inputs, batch.lengths, self.teacher(batch, update))
        loss = self.objective.loss(outputs, batch)
        self.backward(loss, None if probe is None else batch.inputs)
        if probe is not None:
            probe.after_backward(batch.inputs)
        self.step(update, rate)
        if probe is not None:
            probe.after_step()
        return loss.detach()

    def backward(self, loss: Tensor, inputs: Tensor | None = None) -> None:
        """Compute the gradients of a loss to all weights, and to the inputs of a probed update."""
        self.optimizer.zero_grad()
        self.precision.scaling.backward(loss, self.optimizer, inputs)

    def step(self, update: int, rate: float | None = None) -> None:
        """Clip the gradients, and make an optimizer step at the schedule's learning rate or a given one."""
        train = self.config.train
        clip(train, self.parameters)
        add_l2_penalty(train, self.parameters)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(train, update, self.rate_share) if rate is None else rate
        self.precision.scaling.step(self.optimizer)

    def traced_update(self, update: int) -> Iterator[tuple[str, Tensor]]:
        """Make one update as `update` does, and yield its tensors by name, each as soon as it is computed."""
        batch = self.batch(update)
        trace = self.precision.trace(self.model, batch.inputs, batch.lengths, self.teacher(batch, update))
        yield from ((f"states of {layer.name}", layer.states) for layer in trace.layers)
        yield "outputs", trace.outputs
        loss = self.objective.loss(trace.outputs, batch)
        yield "loss", loss
        self.backward(loss)
        # A scaled loss may overflow its gradients, which is harmless: the step is then skipped.
        if not self.precision.scaling.is_enabled:
            # The backward pass begins at the readout, so the last layer's gradients are computed first.
            for name, parameter in reversed(list(self.model.named_parameters())):
                if parameter.grad is not None:
                    yield f"gradient of {name}", parameter.grad
        self.step(update)
        yield from self.model.named_parameters()


def first_nonfinite(training: Training, before: Snapshot, end: int) -> tuple[str, int] | None:
    """Repeat the updates from a snapshot to `end`, and find the first tensor that is not finite.

    Returns:
        The tensor's name and its update, counted from 1; None if all tensors stay finite. The training is
        left where the search ended.
    """
    before.restore(training.model, training.optimizer, training.precision.scaling)
    first = before.progress.update
    training.begin_interval(first)
    for update in range(first, end):
        for name, tensor in training.traced_update(update):
            if not torch.isfinite(tensor).all():
                return name, update + 1
    return None


def _seed_for(seed: int, purpose: str) -> int:
    """Return a seed for torch's global generator that is unique to a purpose."""
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little") >> 1
