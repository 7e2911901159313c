"""Run cases in processes of their own, and read what the watcher made of them."""

import functools
import importlib
import json
import math
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from benchmarks.diagnosis.judge import Finding
from benchmarks.real_faults.case import Case, Watch
from benchmarks.real_faults.others import found_by_others
from benchmarks.real_faults.score import Outcome, Verdict
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord, read_history

HALVES = ("read", "unread")
#: Name of the run folder within the storage of one training.
RUN = "case"


def modules_of(half: str) -> dict[str, str]:
    """Return the module of each case of a half, by the case's name."""
    package = importlib.import_module(f"benchmarks.real_faults.{half}")
    return {
        found.name: f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__)
    }


def case_of(module: str) -> Case:
    """Return the facts about a case."""
    case: Case = importlib.import_module(module).CASE
    return case


def run_all(modules: Sequence[str], jobs: int) -> list[Outcome]:
    """Train each case, faulty and repaired, with `jobs` processes at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(_outcome, modules))


def train_here(module: str, repaired: bool, storage: str) -> dict[str, float]:
    """Train a case in this process; return its score and the seconds it took."""
    torch.set_num_threads(1)
    begin = time.perf_counter()
    score = importlib.import_module(module).train(_watch(storage), repaired)
    return {"score": float(score), "seconds": time.perf_counter() - begin}


def _watch(storage: str) -> Watch:
    import failmap

    watch: Watch = functools.partial(failmap.watch, storage=storage, name=RUN)
    return watch


def _outcome(module: str) -> Outcome:
    faulty, repaired = (_trained(module, is_repaired) for is_repaired in (False, True))
    return Outcome(module.rpartition(".")[2], case_of(module), faulty, repaired)


def _trained(module: str, repaired: bool) -> Verdict:
    """Train in a process of its own, and return the verdict; an error of the training is part of it."""
    with tempfile.TemporaryDirectory() as storage:
        command = [sys.executable, "-m", "benchmarks.real_faults.run", module, str(int(repaired)), storage]
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **threads}
        )
        if ended.returncode:
            return Verdict((), "", math.nan, 0.0, error=ended.stderr.strip().rpartition("\n")[2])
        result = json.loads(ended.stdout.splitlines()[-1])
        return _verdict(Path(storage) / RUN, result["score"], result["seconds"])


def _verdict(folder: Path, score: float, seconds: float) -> Verdict:
    import failmap

    diagnosis = failmap.verdict(str(folder))
    causes = () if diagnosis.is_healthy else (diagnosis.cause, *(one.cause for one in diagnosis.runners_up))
    evidence = "; ".join(one.told for one in diagnosis.verdict.evidence)
    named = tuple(cause for cause in causes if cause != "none")
    return Verdict(named, evidence, score, seconds, _others(folder))


def _others(folder: Path) -> Mapping[str, tuple[Finding, ...]]:
    trial = RunFolder(folder).trial(0)
    record = TrialRecord.from_json(trial.record.read_bytes())
    return found_by_others(record, list(read_history(trial.history)))


if __name__ == "__main__":
    print(json.dumps(train_here(sys.argv[1], sys.argv[2] == "1", sys.argv[3])))
