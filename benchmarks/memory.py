"""Measure peak memory of driver and worker, and the growth of a worker's: python -m benchmarks.memory.

A worker process runs 50 trials in sequence and then one trial of 10,000 updates; its resident memory is
sampled after each evaluation. The driver's peak is measured on runs of 100 and of 1,100 trials.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import torch

from benchmarks.results_file import table, write_results
from failmap.run_folder.paths import TrialFolder
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

MEGABYTE = 2**20


def trial(max_updates: int, seed: int) -> TrialConfig:
    """Return a trial of the default space's network at length 20, with a criterion that cannot be met."""
    return TrialConfig.model_validate(
        {
            "task": {"name": "adding", "sequence_length": 20},
            "model": {"name": "lstm", "depth": 2, "hidden_size": 32},
            "train": {"max_updates": max_updates, "evaluate_every": 50, "clip_norm": 1.0},
            "criterion": {"score": 1.0, "in_a_row": 100},
            "seed": seed,
        }
    )


def resident() -> float:
    """Return this process's resident memory in MB."""
    return psutil.Process().memory_info().rss / MEGABYTE


def run(config: TrialConfig) -> list[float]:
    """Train to the end and return the resident memory after every evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        session = TrialSession(config, TrialFolder(Path(folder)), torch.device("cpu"))
        seen = []
        while session.summary is None:
            session.advance()
            seen.append(resident())
    return seen


def worker_rows() -> list[tuple[str, str]]:
    """Return rows of a worker's memory over 50 trials and over 10,000 updates."""
    torch.set_num_threads(1)
    by_trial = [run(trial(100, seed))[-1] for seed in range(50)]
    by_evaluation = run(trial(10_000, 0))
    tenth = len(by_evaluation) // 10
    return [
        ("worker, peak over all", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"),
        (
            "worker, after trials 5 / 25 / 50",
            " / ".join(f"{by_trial[n - 1]:.1f}" for n in (5, 25, 50)) + " MB",
        ),
        (
            "worker, first and last tenth of 10,000 updates",
            " / ".join(
                f"{statistics.median(part):.1f}" for part in (by_evaluation[:tenth], by_evaluation[-tenth:])
            )
            + " MB",
        ),
    ]


#: A driver that searches and prints its peak memory before and after the report.
DRIVER = """
import resource, sys
from pathlib import Path
from failmap.run_folder.storage import write_atomically
from failmap.run_folder.paths import RunFolder
from failmap.analysis.reporting import build
from failmap.search.cluster.environment import prepare_ray
from failmap.search.loading import load, to_yaml
from failmap.search.study import Study

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

config = load(sys.argv[1:])
prepare_ray(config.cluster)
from failmap.search.executor import execute
folder = RunFolder(Path(config.storage) / config.run)
study = Study.open(config, folder, print)
write_atomically(folder.config, to_yaml(config))
execute(study, config, folder, deadline=None, on_tick=lambda: None, notice=print)
study.close()
searched = peak()
build(folder)
print(searched, peak())
"""


def driver_rows(few: int = 100, many: int = 1100) -> list[tuple[str, str]]:
    """Return rows of the driver's peak after search and report, from a small and a large run."""
    peaks = []
    for count in (few, many):
        with tempfile.TemporaryDirectory() as storage:
            arguments = [
                "space=smoke",
                "task.sequence_length=3",
                "model.depth=1",
                "train.max_updates=10",
                f"budget.seeds={count}",
                f"budget.max_seeds={count}",
                f"storage={storage}",
            ]
            done = subprocess.run(
                [sys.executable, "-c", DRIVER, *arguments], check=True, capture_output=True, text=True
            )
            peaks.append([float(text) for text in done.stdout.split()[-2:]])
    searched, reported = ((b - a) * 1024 / (many - few) for a, b in zip(*peaks, strict=True))
    return [
        (f"driver, peak of a search of {many} trials", f"{peaks[1][0]:.0f} MB"),
        ("driver, per additional trial, search only", f"{searched:.0f} kB"),
        ("driver, per additional trial, including the report", f"{reported:.0f} kB"),
    ]


def main() -> None:
    """Measure worker and driver."""
    rows = [*worker_rows(), *driver_rows()]
    write_results("memory", "Memory of driver and worker", table(("what", "memory"), rows))


if __name__ == "__main__":
    main()
