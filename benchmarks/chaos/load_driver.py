"""Speed and memory of the driver alone: study and lifecycle, fed by simulated workers."""

import gc
import json
import math
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import quantiles

import psutil

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary
from failmap.search.loading import load
from failmap.search.shutdown import Shutdown
from failmap.search.study import Study
from failmap.search.trial_lifecycle import TrialLifecycle

#: Evaluations of a simulated trial.
NUM_EVALUATIONS = 5

#: Each evaluation is compared with all trials of its cell, the most expensive case.
ARGUMENTS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=5,10,20,50",
    "model.depth=1,2,3,4,5",
    "budget.minutes=none",
)


class Clock:
    """Durations of one kind of call.

    Attributes:
        seconds: duration of each call.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure one call."""
        began = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - began)

    def __str__(self) -> str:
        hundredths = quantiles(self.seconds, n=100)
        return f"{hundredths[49] * 1000:.2f} / {hundredths[98] * 1000:.2f} ms ({len(self.seconds)} calls)"


def driver_rows(num_trials: int, num_workers: int) -> list[tuple[str, str]]:
    """Return rows on the speed and memory of ask, report and tell with this many concurrent trials."""
    with tempfile.TemporaryDirectory() as storage:
        seeds = math.ceil(num_trials / 20)
        config = load(
            [*ARGUMENTS, f"budget.seeds={seeds}", f"budget.max_seeds={seeds}", f"storage={storage}"]
        )
        folder = RunFolder(Path(storage) / config.run)
        study = Study.open(config, folder, print)
        lifecycle = TrialLifecycle(study, config.cluster.retries, Shutdown(folder, None))
        measured = _simulate(lifecycle, num_trials, num_workers)
        study.close()
        began = time.perf_counter()
        Study.open(config, folder, print).close()
        reopened = time.perf_counter() - began
    return [*measured, ("reading the journal again and checking the records", f"{reopened:.1f} s")]


def _simulate(lifecycle: TrialLifecycle, num_trials: int, num_workers: int) -> list[tuple[str, str]]:
    """Let each worker in turn report an evaluation until this many trials have ended."""
    ask, report, tell = Clock(), Clock(), Clock()
    process = psutil.Process()
    under_way: deque[tuple[str, int, int]] = deque()
    resident: dict[int, int] = {}
    num_begun = num_ended = 0
    began = time.perf_counter()
    while num_ended < num_trials:
        while len(under_way) < num_workers and num_begun < num_trials:
            with ask.running():
                start = lifecycle.begin(str(num_begun))
            assert start is not None
            under_way.append((str(num_begun), start["number"], 1))
            num_begun += 1
        trial, number, evaluation = under_way.popleft()
        result = _result(number, evaluation)
        if evaluation < NUM_EVALUATIONS:
            with report.running():
                lifecycle.report(trial, result)
            under_way.append((trial, number, evaluation + 1))
            continue
        with tell.running():
            lifecycle.end(trial, result)
        num_ended += 1
        if num_ended in (num_trials // 10, num_trials):
            gc.collect()
            resident[num_ended] = process.memory_info().rss
    seconds = time.perf_counter() - began
    assert lifecycle.error is None, lifecycle.error
    (few, before), (many, after) = sorted(resident.items())
    return [
        (f"trials, {num_workers} at a time", f"{num_trials:,}"),
        ("evaluations per second", f"{num_trials * NUM_EVALUATIONS / seconds:,.0f}"),
        ("trials per second", f"{num_trials / seconds:,.0f}"),
        ("ask, p50 / p99", str(ask)),
        ("report, p50 / p99", str(report)),
        ("last report and tell, p50 / p99", str(tell)),
        (f"memory per trial, from {few:,} to {many:,}", f"{(after - before) / 1024 / (many - few):.1f} kB"),
        ("open files", str(process.num_fds())),
    ]


def _result(number: int, evaluation: int) -> dict[str, object]:
    """Return the result that a worker would report; every second trial learns."""
    is_last = evaluation == NUM_EVALUATIONS
    score = (number % 2) * evaluation / NUM_EVALUATIONS
    outcome = ("learned" if number % 2 else "failed") if is_last else None
    summary = Summary(outcome, "simulated", updates=evaluation, score=score, best_score=score)  # type: ignore[arg-type]
    return {
        "update": evaluation,
        "score": score,
        "done": is_last,
        "fault": None,
        "ended_by": None,
        "summary": json.dumps(asdict(summary)),
    }
