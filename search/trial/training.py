"""The loop over updates: no host synchronisation, every update a function of the seed and its number."""

from collections.abc import Callable
from hashlib import blake2b

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


class Training:
    """A task, a network, an objective and an optimizer, seeded and on one device.

    Attributes:
        batch_size: sequences of one update.
        rate_share: what the schedule `plateau` has left of the learning rate.

    Raises:
        PrecisionError: the device cannot compute as `train.precision` says.
    """

    def __init__(self, config: TrialConfig, device: torch.device) -> None:
        # Vanishing gradients become denormal numbers, on which a CPU is 7 to 10 times slower: below 1e-38
        # they count as zero. Set here, for it holds for a thread and decides last bits.
        torch.set_flush_denormal(True)
        self.config = config
        self.device = device
        self.precision = Precision(config.train.precision, device)
        self.task = build_task(config.task, device)
        self.batch_size = self._batch_size()
        self.rate_share = 1.0
        # Drawn on the CPU whatever the device, so that a seed means the same weights everywhere.
        torch.manual_seed(_stream(config.seed, "initialization"))
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
        self.model.feed_back_through(self.objective.predict)

    def begin_interval(self, update: int) -> None:
        """Seeds the dropout, and whatever else is drawn, of the updates from here to the next evaluation."""
        if self.config.model.draws_randomly:
            torch.manual_seed(_stream(self.config.seed, f"dropout/{update}"))

    def batch(self, update: int) -> Batch:
        """The training batch of one update, counted from 0."""
        train = self.config.train
        return self.task.train_batch(
            self.config.seed, update, self.batch_size, progress=update / train.max_updates
        )

    def teacher(self, batch: Batch, update: int) -> Teacher:
        """The true sequences, for a decoder that is shown them."""
        return Teacher(batch.targets, update / self.config.train.max_updates)

    def run(self, first: int, end: int, is_stopped: Callable[[], bool]) -> "Interval | None":
        """Runs the updates first .. end - 1, the last one with probes; None if told to stop on the way."""
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
        """One update; its loss, left on the device.

        Args:
            update: which, from 0.
            probe: what measures it.
            rate: a learning rate in place of the schedule's.
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
        """The gradients of a loss to all weights, and to the inputs of a probed update."""
        self.optimizer.zero_grad()
        self.precision.backward(loss, self.optimizer, inputs)

    def clip(self) -> None:
        """Cuts the gradients down to what is allowed, if anything is forbidden."""
        clip(self.config.train, self.parameters)

    def step(self, update: int, rate: float | None = None) -> None:
        """Moves the weights at this update's learning rate, or at a given one."""
        train = self.config.train
        add_l2_penalty(train, self.parameters)
        scheduled = learning_rate(train, update, self.rate_share)
        set_learning_rate(self.optimizer, scheduled if rate is None else rate)
        self.precision.step(self.optimizer)

    def _batch_size(self) -> int:
        """As configured, or the whole training set. Raises ValueError where there is none."""
        batch_size = self.config.train.batch_size
        if batch_size != "full":
            return batch_size
        if self.task.num_train is None:
            raise ValueError(
                f"train.batch_size=full: task {self.config.task.name} has no finite training set here; "
                "set task.train_size, where the task has it"
            )
        return self.task.num_train


class Interval:
    """What the updates between two evaluations left behind, still on the device."""

    def __init__(self, losses: Tensor, probe: UpdateProbe) -> None:
        self.losses = losses
        self.probe = probe


def _stream(seed: int, purpose: str) -> int:
    """A seed for torch's global generator that no other purpose shares."""
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little") >> 1
