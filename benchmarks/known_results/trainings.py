"""Run the trainings of the claims, several at a time, each on one thread."""

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.known_results.claim import Claim, Result
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import read_history
from failmap.search.cost import relative_cost
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession


def train_all(claims: Sequence[Claim], num_processes: int) -> Iterator[tuple[TrialConfig, Result]]:
    """Yield each distinct training of the claims as it ends; the most expensive ones start first."""
    wanted = {
        config.model_dump_json(): config for claim in claims for arm in claim.arms.values() for config in arm
    }
    dearest_first = sorted(wanted.values(), key=relative_cost, reverse=True)
    with ProcessPoolExecutor(num_processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(train, config): config for config in dearest_first}
        for done in as_completed(running):
            yield running[done], done.result()


def train(config: TrialConfig) -> Result:
    """Run one training."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as path:
        folder = TrialFolder(Path(path) / "runs" / "known" / "trials" / "0")
        folder.path.mkdir(parents=True)
        session = TrialSession(config, folder, torch.device("cpu"))
        while session.summary is None:
            session.advance()
        evaluations = list(read_history(folder.history))
    summary = session.summary
    assert summary.outcome is not None, json.dumps(summary.to_dict())
    metric = evaluations[-1].metric
    return Result(
        outcome=summary.outcome,
        updates=summary.updates,
        metric=math.nan if metric is None else metric,
        evaluations=evaluations,
    )
