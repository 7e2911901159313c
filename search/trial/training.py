"""The loop over updates: no host synchronisation, every update a function of the seed and its number."""

from collections.abc import Callable
from hashlib import blake2b

import torch
from torch import Tensor, nn

from datasets import build_task
from datasets.task import Batch
from models import build_model
from models.network import Interface, Teacher
from search.trial.config import TrialConfig
from search.trial.objective import Objective
from search.trial.optimization import build_optimizer, learning_rate, set_learning_rate
from search.trial.probes import UpdateProbe


class Training:
    """A task, a network, an objective and an optimizer, seeded and on one device."""

    def __init__(self, config: TrialConfig, device: torch.device) -> None:
        # Vanishing gradients become denormal numbers, on which a CPU is 7 to 10 times slower: below 1e-38
        # they count as zero. Set here, for it holds for a thread and decides last bits.
        torch.set_flush_denormal(True)
        self.config = config
        self.device = device
        self.task = build_task(config.task, device)
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
            self.config.seed, update, train.batch_size, progress=update / train.max_updates
        )

    def teacher(self, batch: Batch, update: int) -> Teacher:
        """The true sequences, for a decoder that is shown them."""
        return Teacher(batch.targets, update / self.config.train.max_updates)

    def run(self, first: int, end: int, is_stopped: Callable[[], bool]) -> "Interval | None":
        """Runs the updates first .. end - 1, the last one with probes; None if told to stop on the way."""
        self.begin_interval(first)
        losses: list[Tensor] = []
        for update in range(first, end - 1):
            losses.append(self._update(update, None))
            if is_stopped():
                return None
        probe = UpdateProbe(self.model)
        losses.append(self._update(end - 1, probe))
        return Interval(torch.stack(losses), probe)

    def clip(self) -> None:
        """Scales the gradients down to the largest norm allowed, if there is one."""
        if self.config.train.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.config.train.clip_norm)

    def step(self, update: int) -> None:
        """Moves the weights at this update's learning rate."""
        set_learning_rate(self.optimizer, learning_rate(self.config.train, update))
        self.optimizer.step()

    def _update(self, update: int, probe: UpdateProbe | None) -> Tensor:
        """One update; its loss, left on the device."""
        batch = self.batch(update)
        if probe is not None:
            batch = batch._replace(inputs=batch.inputs.requires_grad_())
        loss = self.objective.loss(
            self.model(batch.inputs, batch.lengths, self.teacher(batch, update)), batch
        )
        self.optimizer.zero_grad()
        loss.backward()
        if probe is not None:
            probe.after_backward(batch.inputs)
        self.clip()
        self.step(update)
        if probe is not None:
            probe.after_step()
        return loss.detach()


class Interval:
    """What the updates between two evaluations left behind, still on the device."""

    def __init__(self, losses: Tensor, probe: UpdateProbe) -> None:
        self.losses = losses
        self.probe = probe


def _stream(seed: int, purpose: str) -> int:
    """A seed for torch's global generator that no other purpose shares."""
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little") >> 1
