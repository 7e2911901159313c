"""kill -9 of the driver at random moments, then resume: python -m benchmarks.kill [kills=20] [seed=0].

The same run is made once undisturbed. Counted are trials lost, trials repeated, and histories that differ
(timings aside) from the undisturbed ones.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from analysis.load import load_run
from analysis.records import RunFolder
from benchmarks.results_file import write_results

#: Some dozens of trials of about half a second, with dropout, so that kills fall into trainings.
WORDS = [
    "space=smoke",
    "task=adding",
    "task.sequence_length=10,20,30",
    "model.depth=1,2,3",
    "model.hidden_size=16",
    "model.dropout=0.1",
    "train.max_updates=400",
    "train.evaluate_every=20",
    "budget.minutes=30",
]


def start(module: str, *words: str) -> subprocess.Popen[bytes]:
    """Starts a driver, its output thrown away."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )


def finished(folder: RunFolder) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Histories without their timings, of every trial that has ended, by cell, recipe and seed."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in load_run(folder).records:
        if record.summary is not None:
            key = (*record.cell.values(), record.recipe_index, record.seed)
            lines = folder.trial(record.number).history.read_text(encoding="utf-8").splitlines()
            evaluations = [json.loads(line) for line in lines]
            found[key] = [{k: v for k, v in each.items() if k != "seconds"} for each in evaluations]
    return found


def main() -> None:
    """Kills, resumes, compares."""
    settings = dict(word.split("=") for word in sys.argv[1:])
    kills, moments = int(settings.get("kills", 20)), random.Random(int(settings.get("seed", 0)))
    with tempfile.TemporaryDirectory() as storage:
        whole, torn = RunFolder(Path(storage) / "whole"), RunFolder(Path(storage) / "torn")
        began = time.monotonic()
        assert start("search.run", *WORDS, "run=whole", f"storage={storage}").wait() == 0
        undisturbed_seconds = time.monotonic() - began
        driver = start("search.run", *WORDS, "run=torn", f"storage={storage}")
        hit = lost = 0
        for _ in range(kills):
            time.sleep(moments.uniform(0, 15))
            before = set(finished(torn)) if torn.config.exists() else set()
            hit += driver.poll() is None
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            module, words = "search.run", WORDS
            if torn.config.exists():
                lost += len(before - set(finished(torn)))
                module, words = "search.resume", []
            driver = start(module, *words, "run=torn", f"storage={storage}")
        assert driver.wait() == 0
        expected, got = finished(whole), finished(torn)
        keys = Counter(
            (*record.cell.values(), record.recipe_index, record.seed) for record in load_run(torn).records
        )
        rows = [
            ("kills, of them while the driver ran", f"{kills}, {hit}"),
            ("trials, undisturbed / killed and resumed", f"{len(expected)} / {len(got)}"),
            ("finished trials lost", lost + len(expected.keys() - got.keys())),
            ("trials repeated", sum(count - 1 for count in keys.values())),
            ("trials that the undisturbed run has not", len(got.keys() - expected.keys())),
            ("histories that differ", sum(got[key] != expected[key] for key in expected.keys() & got.keys())),
            ("undisturbed run, s", f"{undisturbed_seconds:.0f}"),
        ]
    table = "\n".join(["| what | count |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])
    write_results("kill", "kill -9 of the driver at random moments, then resume", table)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parent.parent))
    main()
