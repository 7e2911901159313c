"""The training loop: no host synchronisation, and each update depends on the seed and its number alone."""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor

from failmap.datasets import build_task
from failmap.datasets.task import Batch
from failmap.models import build_model
from failmap.models.network import Interface, Teacher
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.objective import Objective
from failmap.search.trial.optimizers import (
    add_l2_penalty,
    build_optimizer,
    clip,
    learning_rate,
    set_learning_rate,
)
from failmap.search.trial.precision import Precision
from failmap.search.trial.probes import UpdateProbe


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
        ValueError: `train.batch_size=full`, and the task has no finite training set.
    """

    def __init__(self, config: TrialConfig, device: torch.device) -> None:
        # Vanishing gradients become denormal (below 1e-38), which makes a CPU 7 to 10 times slower. The
        # setting is per thread and affects the last bits, so it is set here.
        torch.set_flush_denormal(True)
        self.config = config
        self.device = device
        self.precision = Precision(config.train.precision, device)
        self.task = build_task(config.task, device)
        self.batch_size = self._batch_size()
        self.rate_share = 1.0
        # Drawn on the CPU whatever the device, so that a seed means the same weights everywhere.
        torch.manual_seed(_seed_for(config.seed, "initialization"))
        self.model = build_model(
            config.model,
            Interface(
                input_size=self.task.input_size,
                output_size=self.task.output_size,
                num_steps=self.task.num_steps,
                layout=config.task.target_layout,
                decoded_steps=config.task.decoded_steps,
                frame_shape=config.task.frame_shape,
            ),
        ).to(device)
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
        for update in range(first, end - 1):
            if is_stopped():
                return None
            losses.append(self.update(update))
        if is_stopped():
            return None
        probe = UpdateProbe(self.model)
        losses.append(self.update(end - 1, probe=probe))
        return Interval(torch.stack(losses), probe)

    def update(self, update: int, *, probe: UpdateProbe | None = None, rate: float | None = None) -> Tensor:
        """Make one update and return its loss, on the device.

        Args:
            update: The update, counted from 0.
            probe: Measures the update, if given.
            rate: A learning rate that replaces the schedule's.
        """
        batch = self.batch(update)
        if probe is not None:
            batch = batch._replace(inputs=batch.inputs.requires_grad_())
        outputs = self.precision.outputs(self.model, batch.inputs, batch.lengths, self.teacher(batch, update))
        loss = self.objective.loss(outputs, batch)
        self.backward(loss, None if probe is None else batch.inputs)
        if probe is not None:
            probe.after_backward(batch.inputs)
        self.clip()
        self.step(update, rate)
        if probe is not None:
            probe.after_step()
        return loss.detach()

    def backward(self, loss: Tensor, inputs: Tensor | None = None) -> None:
        """Compute the gradients of a loss to all weights, and to the inputs of a probed update."""
        self.optimizer.zero_grad()
        self.precision.backward(loss, self.optimizer, inputs)

    def clip(self) -> None:
        """Clip the gradients as configured."""
        clip(self.config.train, self.parameters)

    def step(self, update: int, rate: float | None = None) -> None:
        """Make an optimizer step at the schedule's learning rate, or at a given one."""
        train = self.config.train
        add_l2_penalty(train, self.parameters)
        scheduled = learning_rate(train, update, self.rate_share)
        set_learning_rate(self.optimizer, scheduled if rate is None else rate)
        self.precision.step(self.optimizer)

    def _batch_size(self) -> int:
        """Return the configured batch size, or the size of the training set for `full`."""
        batch_size = self.config.train.batch_size
        if batch_size != "full":
            return batch_size
        if self.task.num_train is None:
            raise ValueError(
                f"train.batch_size=full: task {self.config.task.name} has no finite training set; "
                "set task.train_size if the task supports it"
            )
        return self.task.num_train


def _seed_for(seed: int, purpose: str) -> int:
    """Return a seed for torch's global generator that is unique to a purpose."""
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little") >> 1
