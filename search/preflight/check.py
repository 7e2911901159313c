"""What every check works with: the trial under check, its finding, and its time limit."""

import math
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Literal, get_args

import torch
from torch import Tensor

from failmap.datasets.config import GeneratedTaskConfig
from failmap.datasets.task import Batch
from failmap.models.network import Teacher, Trace
from failmap.search.loading.fields import Schema
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.loss_floor import Floor, best_constant_loss, floor
from failmap.search.trial.training import Training

#: Bounds on the number of sequences in the batch.
MIN_SEQUENCES, MAX_SEQUENCES = 4, 64
#: Approximate multiplications of a forward pass: some tenths of a second on one core.
MAX_PRODUCTS = 4e9
#: A setting of a trial in a sentence, such as task.one_hot=day+month.
_SETTING = re.compile(r"\b((?:task|model|output|train)\.\w+)=([\w.+-]*\w)")
#: From the best to the worst.
Status = Literal["pass", "warn", "fail"]


class Subject:
    """A trial at its initialization.

    Checks leave its weights unchanged.

    Args:
        config: The trial's configuration. If training varies the sequence length, the full length is used.
        max_products: Multiplications of a forward pass, which limit the size of the batch.
        training_seconds: How long a check may train.

    Attributes:
        task, model, objective: Those of `training`.
        batch: The first sequences of the first training batch.
    """

    def __init__(
        self, config: TrialConfig, *, max_products: float = MAX_PRODUCTS, training_seconds: float = 5.0
    ) -> None:
        self.config = _at_full_length(config)
        self.training_seconds = training_seconds
        self.training = Training(self.config, torch.device("cpu"))
        self.task, self.model = self.training.task, self.training.model
        self.objective = self.training.objective
        self._buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.batch = self.draw(_batch_size(self.training, max_products))

    def draw(self, size: int) -> Batch:
        """Return a training batch of at most `size` sequences."""
        size = min(size, self.task.num_train or size)
        return self.task.train_batch(self.config.seed, 0, size, progress=1.0)

    def trace(self, batch: Batch, *, training: bool, teacher: Teacher | None = None) -> Trace:
        """Pass a batch forward in training or evaluation mode, with the same random draws each time."""
        # Batch norm updates its running means in training mode: each pass starts from the initial ones.
        for buffer, before in zip(self.model.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        self.model.train(training)
        self.training.begin_interval(0)
        if training and teacher is None:
            teacher = self.training.teacher(batch, 0)
        return self.model.trace(batch.inputs, batch.lengths, teacher if training else None)

    def loss(self) -> Tensor:
        """Return the loss of the batch in training mode."""
        return self.objective.loss(self.trace(self.batch, training=True).outputs, self.batch)

    def constant_guess_loss(self, batch: Batch) -> float:
        """Return the loss of the best constant output on a batch."""
        return best_constant_loss(self.objective.head, self.objective.labels(batch))

    def loss_floor(self, batch: Batch, output_range: tuple[float, float] | None = None) -> Floor:
        """Return the lowest loss on a batch of any raw outputs, or of those within a range."""
        return floor(self.objective.head, self.objective.labels(batch), output_range)


def _batch_size(training: Training, max_products: float) -> int:
    """Return how many sequences a forward pass of `max_products` multiplications has, within bounds."""
    task = training.config.task
    positions = (
        math.prod(task.frame_shape[1:]) if training.config.model.needs_frames and task.frame_shape else 1
    )
    num_parameters = sum(parameter.numel() for parameter in training.model.parameters())
    products = num_parameters * positions * (training.task.num_steps + sum(task.decoded_steps))
    return max(MIN_SEQUENCES, min(MAX_SEQUENCES, int(max_products / products)))


def _at_full_length(config: TrialConfig) -> TrialConfig:
    task = config.task
    if not isinstance(task, GeneratedTaskConfig) or task.length_distribution == "fixed":
        return config
    return config.model_copy(update={"task": task.model_copy(update={"length_distribution": "fixed"})})


@dataclass(frozen=True)
class Finding:
    """The result of one check on one trial.

    Attributes:
        status: `fail` if training cannot work, `warn` if it may but something looks wrong.
        message: What was found, in one line.
        value: The number that decides the status; NaN if there is none.
        unit: Unit of `value`.
        advice: What to try, in one line; empty if the check passed.
        details: Further numbers by name, such as one for each layer.
        parts: The parts of a message that is a list: each is shown on a line of its own.
    """

    status: Status
    message: str
    value: float
    unit: str
    advice: str = ""
    details: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that the advice names, as in 'task.padding=trim', the best first.

        A rescue tries them where a fix makes the same change, so that message and rescue cannot differ.
        """
        return tuple(f"{path}={value}" for path, value in _SETTING.findall(self.advice))


@dataclass(frozen=True)
class Check:
    """A check and its time limit.

    Attributes:
        name: Name in the report and its JSON.
        run: Checks a trial and leaves its weights unchanged.
        limit_seconds: Time limit.
        in_brief: Whether the check is part of the brief preflight before every run.
    """

    name: str
    run: Callable[[Subject], Finding]
    limit_seconds: float
    in_brief: bool = False


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst status, or `pass` if there are none."""
    return max(statuses, key=get_args(Status).index, default="pass")


def remedies(config: TrialConfig, *candidates: str) -> str:
    """Join the candidates that the trial's task and network support.

    Args:
        config: The trial's configuration.
        candidates: Settings such as 'model.residual=true', dropped if the trial has no such key, or text.
    """
    schema = Schema([config.task.name], [config.model.name])
    supported = [text for text in candidates if "=" not in text or text.partition("=")[0] in schema]
    return ", or ".join(supported)


class TimeLimitError(Exception):
    """The time limit allowed no conclusion; the message is the reason in one line."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimitError in the body of the `with` statement after some seconds.

    The error is raised between two Python operations, so a single long one completes first. Without SIGALRM
    (on Windows, or outside the main thread) there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(number: int, frame: FrameType | None) -> None:
        raise TimeLimitError(f"took longer than {seconds:.1f} s")

    started = monotonic()
    handler = signal.signal(signal.SIGALRM, expire)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:
            # Resume a timer that was already running, such as a test's.
            signal.setitimer(signal.ITIMER_REAL, max(remaining - (monotonic() - started), 1e-3), interval)
