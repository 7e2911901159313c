"""Compare the overhead per trial with plain Ray Tune: python -m benchmarks.overhead [trials=300].

Runs the same one-evaluation trainings on the same local Ray in three ways: a `tune.Tuner` with a function
trainable as in Ray's tutorial, an optimized one (class trainable, reused actors, one torch thread), and
Failmap.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.arguments import parse_arguments
from benchmarks.results_file import table, write_results
from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.search.cluster.environment import prepare_ray
from failmap.search.config import Cluster

#: Ten updates of a small network and one evaluation.
TRIAL: dict[str, Any] = {
    "task": {"name": "adding", "sequence_length": 5, "test_size": 128},
    "model": {"name": "lstm", "hidden_size": 8},
    "train": {"max_updates": 10, "evaluate_every": 10, "batch_size": 16},
}


def train(seed: int) -> tuple[float, float]:
    """Train in a temporary folder and return score and seconds."""
    import torch

    from failmap.search.trial.config import TrialConfig
    from failmap.search.trial.session import TrialSession

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        config = TrialConfig.model_validate({**TRIAL, "seed": seed})
        session = TrialSession(config, TrialFolder(Path(folder)), torch.device("cpu"))
        session.advance()
        assert session.summary is not None
        return session.summary.score, time.perf_counter() - started


def plain_tune(trials: int) -> float:
    """Run Ray's tutorial: a function trainable that reports once. Returns the seconds of training alone."""
    from ray import tune

    def trainable(config: dict[str, Any]) -> None:
        score, seconds = train(config["seed"])
        tune.report({"score": score, "seconds": seconds})

    with tempfile.TemporaryDirectory() as scratch:
        tuner = tune.Tuner(
            trainable,
            param_space={"seed": tune.grid_search(list(range(trials)))},
            run_config=tune.RunConfig(storage_path=scratch, verbose=0),
        )
        return sum(result.metrics["seconds"] for result in tuner.fit())


def tuned_tune(trials: int) -> float:
    """Do the same with reused actors and one thread."""
    import torch
    from ray import tune

    class Trainable(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            torch.set_num_threads(1)
            self.seed = config["seed"]

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.seed = new_config["seed"]
            return True

        def step(self) -> dict[str, Any]:
            score, seconds = train(self.seed)
            return {"score": score, "seconds": seconds, "done": True}

    with tempfile.TemporaryDirectory() as scratch:
        tuner = tune.Tuner(
            Trainable,
            param_space={"seed": tune.grid_search(list(range(trials)))},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        return sum(result.metrics["seconds"] for result in tuner.fit())


def failmap(trials: int) -> float:
    """Run one cell with this number of seeds; returns the seconds of training alone."""
    # Imported late: the executor disables Tune's loggers, which the other ways keep.
    from failmap.search.executor import execute
    from failmap.search.loading import load, to_yaml
    from failmap.search.study import Study

    with tempfile.TemporaryDirectory() as storage:
        config = load(
            [
                "space=smoke",
                "task=adding",
                f"storage={storage}",
                "task.sequence_length=5",
                "model.depth=1",
                "task.test_size=128",
                "model.hidden_size=8",
                "train.max_updates=10",
                "train.evaluate_every=10",
                "train.batch_size=16",
                f"budget.seeds={trials}",
                f"budget.max_seeds={trials}",
                "budget.minutes=30",
                "budget.extend=0",
            ]
        )
        folder = RunFolder(Path(storage) / config.run)
        study = Study.open(config, folder, print)
        folder.config.write_text(to_yaml(config), encoding="utf-8")
        execute(study, config, folder, deadline=None, on_tick=lambda: None, notice=print)
        study.close()
        records = load_run(folder).records
        assert len(records) == trials
        return sum(record.summary.seconds for record in records if record.summary is not None)


def measure(way: Callable[[int], float], trials: int) -> tuple[float, float]:
    """Return the wall seconds of a number of trials, including Ray's start, and their seconds of training."""
    started = time.perf_counter()
    training = way(trials)
    return time.perf_counter() - started, training


def main() -> None:
    """Run each way with a few trials and with all of them, so that fixed costs cancel out."""
    prepare_ray(Cluster())
    import ray

    trials = parse_arguments(trials=300).trials
    cores = os.cpu_count() or 1
    rows = []
    for name, way in (
        ("plain tune.Tuner", plain_tune),
        ("tuned tune.Tuner", tuned_tune),
        ("Failmap", failmap),
    ):
        few = min(20, trials) if way is plain_tune else trials
        measure(way, 2 * cores)
        ray.shutdown()
        once, training_once = measure(way, 2 * cores)
        ray.shutdown()
        wall, training = measure(way, few)
        ray.shutdown()
        beyond = (wall - once - (training - training_once) / cores) / (few - 2 * cores)
        rows.append((name, few, wall, training / few, beyond))
    ours = rows[-1][-1]
    columns = (
        "way",
        "trials",
        "wall, s",
        "training, s per trial",
        "overhead, s per trial",
        "relative to Failmap",
    )
    overheads = table(
        columns,
        [
            (name, count, f"{wall:.1f}", f"{training:.4f}", f"{beyond:.4f}", f"{beyond / ours:.1f}")
            for name, count, wall, training, beyond in rows
        ],
    )
    remarks = (
        "Overhead is wall time divided by trials, minus training divided by cores. A run of a few trials on "
        "the same machine is subtracted, so Ray's start does not count. In the plain way every trial has a "
        "new process that imports torch, which counts as training here. Failmap's trials are in a journal, "
        "with record and history on disk; the other two ways write Tune's own files."
    )
    write_results("overhead", "Overhead of a trial beyond its training", f"{remarks}\n\n{overheads}")


if __name__ == "__main__":
    main()
