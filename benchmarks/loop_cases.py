"""Alternate intervals of our training loop and of a bare torch loop on one device.

The bare loop is careful hand-written code: `nn.LSTM`, torch's default Adam, clipping, no `.item()` inside the
loop, an evaluation every 50 updates on the same 512 sequences. Both loops draw the same batches from the same
task, and both flush denormal numbers, which are rare at these lengths.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from torch import nn

from benchmarks.results_file import table as markdown_table
from failmap.datasets import build_task
from failmap.run_folder.paths import TrialFolder
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

SEQUENCE_LENGTH, BATCH_SIZE, UPDATES, VALIDATION_SIZE = 50, 64, 50, 512


@dataclass(frozen=True)
class Case:
    """One network."""

    kind: str
    depth: int
    hidden_size: int

    def __str__(self) -> str:
        return f"{self.kind} {self.depth}x{self.hidden_size}"

    def config(self) -> TrialConfig:
        """Return the trial that both loops train. Its criterion cannot be met, so it never ends early."""
        return TrialConfig.model_validate(
            {
                "task": {
                    "name": "adding",
                    "sequence_length": SEQUENCE_LENGTH,
                    "test_size": 2 * VALIDATION_SIZE,
                },
                "model": {"name": self.kind, "depth": self.depth, "hidden_size": self.hidden_size},
                "train": {
                    "batch_size": BATCH_SIZE,
                    "evaluate_every": UPDATES,
                    "max_updates": 1_000_000,
                    "clip_norm": 1.0,
                },
                "criterion": {"score": 1.0, "in_a_row": 100},
            }
        )


CASES = (
    Case("lstm", 1, 32),
    Case("lstm", 2, 64),
    Case("lstm", 2, 128),
    Case("lstm", 5, 256),
    Case("gru", 2, 64),
)


class Bare(nn.Module):
    """A multi-layer recurrent module of torch's, with a readout of its last step."""

    def __init__(self, case: Case, input_size: int) -> None:
        super().__init__()
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[case.kind]
        self.recurrent = kind(input_size, case.hidden_size, case.depth, batch_first=True)
        self.readout = nn.Linear(case.hidden_size, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return one number per sequence."""
        return self.readout(self.recurrent(inputs)[0][:, -1]).squeeze(-1)


def bare_intervals(case: Case, device: torch.device) -> Iterator[float]:
    """Train the bare loop and yield the validation loss after each interval of 50 updates."""
    config = case.config()
    task = build_task(config.task, device)
    validation = task.validation_set()
    torch.manual_seed(0)
    model = Bare(case, task.input_size).to(device)
    optimizer = torch.optim.Adam(model.parameters(), config.train.learning_rate)
    mean_squared_error = nn.MSELoss()
    update = 0
    while True:
        for _ in range(UPDATES):
            inputs, targets, _ = task.train_batch(0, update, BATCH_SIZE, progress=0.0)
            loss = mean_squared_error(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            update += 1
        model.eval()
        with torch.no_grad():
            validation_loss = mean_squared_error(model(validation.inputs), validation.targets).item()
        model.train()
        yield validation_loss


def our_intervals(case: Case, device: torch.device) -> Iterator[float]:
    """Do the same with a trial's session, including probes, history and checkpoints."""
    with tempfile.TemporaryDirectory() as folder:
        session = TrialSession(case.config(), TrialFolder(Path(folder)), device)
        while True:
            evaluation = session.advance()
            assert evaluation is not None
            assert evaluation.validation_loss is not None
            yield evaluation.validation_loss


@dataclass(frozen=True)
class Result:
    """Median seconds per interval of both loops, and the sorted ratios bare / ours of the pairs."""

    case: Case
    bare_seconds: float
    our_seconds: float
    ratios: tuple[float, ...]


def compare(case: Case, device: torch.device, pairs: int, warm_up: int = 1) -> Result:
    """Run both loops alternately."""
    bare, ours = bare_intervals(case, device), our_intervals(case, device)
    timed = [(_seconds(bare, device), _seconds(ours, device)) for _ in range(warm_up + pairs)][warm_up:]
    ours.close()
    return Result(
        case,
        statistics.median(pair[0] for pair in timed),
        statistics.median(pair[1] for pair in timed),
        tuple(sorted(pair[0] / pair[1] for pair in timed)),
    )


def table(results: list[Result]) -> str:
    """Return the results as a Markdown table."""
    rows = [
        (
            result.case,
            f"{result.bare_seconds / UPDATES * 1e3:.2f}",
            f"{result.our_seconds / UPDATES * 1e3:.2f}",
            f"{statistics.median(result.ratios):.3f} ({result.ratios[0]:.3f} to {result.ratios[-1]:.3f})",
        )
        for result in results
    ]
    columns = ("network", "bare loop, ms per update", "ours", "speed of ours / bare: median (min to max)")
    return markdown_table(columns, rows)


def _seconds(intervals: Iterator[float], device: torch.device) -> float:
    synchronise: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    synchronise()
    started = perf_counter()
    next(intervals)
    synchronise()
    return perf_counter() - started
