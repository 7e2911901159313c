"""The time to the same map beside plain Ray Tune: python -m benchmarks.edge.ray_tune [table=parity].

On one machine, in turn: `failmap run` with `goal=map`; Ray Tune over the full grid of cells and seeds; and
Ray Tune's ASHA over the same. All train the same configurations with the same code, one thread for each
trial, as many trials at a time as there are cores. Ray Tune has a class trainable whose actors are reused.
"""

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from benchmarks.arguments import parse_arguments
from benchmarks.edge.real_search import first_right, moments, search
from benchmarks.edge.tables import NUM_SEEDS, Table
from benchmarks.edge.truth import Truth
from benchmarks.results_file import table, write_results
from failmap.run_folder.paths import TrialFolder
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

#: Minutes after which a search with `goal=map` is given up.
_MAX_MINUTES = 30


@dataclass(frozen=True)
class Outcome:
    """What one way to the map took.

    Attributes:
        seconds: Wall-clock seconds until the map was there, with the start of Ray.
        training: Core-seconds of training until then.
        num_trials: Trials until then.
        num_wrong: Clear cells on the wrong side.
        num_open: Clear cells that are on no side.
    """

    seconds: float
    training: float
    num_trials: int
    num_wrong: int
    num_open: int


class Training(tune.Trainable):
    """One training, an evaluation at each step."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin a training."""
        torch.set_num_threads(1)
        self._runs = tempfile.TemporaryDirectory()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another training in the same process."""
        config = TrialConfig.model_validate(new_config["job"]["trial"])
        number = len(list(Path(self._runs.name).iterdir()))
        folder = TrialFolder(Path(self._runs.name) / f"run{number}" / "trials" / "0")
        folder.path.mkdir(parents=True)
        self.session = TrialSession(config, folder, torch.device("cpu"))
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation."""
        evaluation = self.session.advance()
        assert evaluation is not None
        summary = self.session.summary
        return {
            "score": evaluation.score,
            "seconds": evaluation.seconds,
            "has_learned": summary is not None and summary.outcome == "learned",
            "done": summary is not None,
        }


def main() -> int:
    """Run all ways in turn, and write the page."""
    asked = parse_arguments(table="parity", repeats=3, jobs=os.cpu_count() or 1)
    truth = Truth(Table(asked.table))
    ways = {
        "failmap, goal=map": lambda: with_failmap(truth),
        "Ray Tune, full grid": lambda: with_ray(truth, asked.jobs, None),
        "Ray Tune, ASHA": lambda: with_ray(truth, asked.jobs, ASHAScheduler),
    }
    outcomes: dict[str, list[Outcome | None]] = {name: [] for name in ways}
    for _ in range(asked.repeats):
        for name, run in ways.items():
            outcomes[name].append(run())
    write_results("edge-ray-tune", "The same map by Failmap and by Ray Tune", as_body(outcomes, truth))
    return 0


def with_failmap(truth: Truth) -> Outcome | None:
    """Search with Failmap until enough of the clear cells are right for good; None if they never are."""
    with tempfile.TemporaryDirectory() as storage:
        words = [*truth.table.words()[:-1], "goal=map", f"budget.minutes={_MAX_MINUTES}"]
        folder, began, _ = search(words, Path(storage), "failmap")
        found = moments(folder, began)
    right = first_right(found, truth.clear)
    if right is None:
        return None
    num_right = round(right.share_right(truth.clear) * len(truth.clear))
    num_wrong = right.num_wrong(truth.clear)
    return Outcome(
        right.seconds,
        right.training,
        found.index(right) + 1,
        num_wrong,
        len(truth.clear) - num_right - num_wrong,
    )


def with_ray(truth: Truth, jobs: int, make_scheduler: type[ASHAScheduler] | None) -> Outcome:
    """Train the full grid with Ray Tune, in order or by a scheduler that stops trials by their rank."""
    space = truth.table.config.space
    cells = {str(cell): cell for cell in truth.share}
    trials = [
        {"cell": name, "trial": space.built_in_trial(cell, space.default_recipe(cell), seed).model_dump()}
        for seed in range(NUM_SEEDS)
        for name, cell in cells.items()
    ]
    scheduler = None
    if make_scheduler is not None:
        train = truth.table.config.space.base["train"]
        max_steps = -(-truth.table.max_updates // train.get("evaluate_every", 50))
        scheduler = make_scheduler(metric="score", mode="max", max_t=max_steps, grace_period=1)
    started = time.monotonic()
    ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as storage:
        tuner = tune.Tuner(
            tune.with_resources(Training, {"cpu": 1}),
            param_space={"job": tune.grid_search(trials)},
            tune_config=tune.TuneConfig(reuse_actors=True, scheduler=scheduler),
            run_config=tune.RunConfig(
                storage_path=storage,
                verbose=0,
                # By default each trial is asked for one at its end (findings/tuner_class_trainable.sh).
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        results = tuner.fit()
    seconds = time.monotonic() - started
    ray.shutdown()
    learned: dict[Cell, list[bool]] = defaultdict(list)
    training = 0.0
    for result in results:
        learned[cells[result.config["job"]["cell"]]].append(result.metrics["has_learned"])
        training += result.metrics["seconds"]
    return Outcome(seconds, training, len(trials), num_wrong(learned, truth), 0)


def num_wrong(learned: Mapping[Cell, list[bool]], truth: Truth) -> int:
    """Return how many clear cells are on the wrong side if most of their trials decide."""
    return sum(
        (2 * sum(learned[cell]) > len(learned[cell])) is not side for cell, side in truth.clear.items()
    )


def as_body(outcomes: Mapping[str, list[Outcome | None]], truth: Truth) -> str:
    """Return the page without its title."""
    base = _median_seconds(outcomes["failmap, goal=map"])
    rows = []
    for name, several in outcomes.items():
        seconds = _median_seconds(several)
        for index, one in enumerate(several, start=1):
            values = (
                ["never"] * 5
                if one is None
                else [
                    f"{one.seconds:.0f}",
                    f"{one.training:.0f}",
                    one.num_trials,
                    f"{one.num_wrong} of {len(truth.clear)}",
                    one.num_open,
                ]
            )
            rows.append([name, index, *values, f"{seconds / base:.1f}"])
    columns = (
        "way",
        "run",
        "seconds",
        "core-seconds of training",
        "trials",
        "clear cells wrong",
        "open",
        "median seconds / failmap's",
    )
    return f"""`{" ".join(truth.table.words()[:-1])}`
({len(truth.trainings)} cells, {len(truth.clear)} of them clear).

Failmap: until 95 % of the clear cells are right, sure and stay so. Ray Tune: until {NUM_SEEDS} seeds of every
cell have ended; a cell learns if most of its seeds did, and a trial that ASHA stopped did not. ASHA: score,
grace period of one evaluation, reduction factor 4, one bracket, over all cells at once.

{table(columns, rows)}"""


def _median_seconds(several: list[Outcome | None]) -> float:
    return median(float("inf") if one is None else one.seconds for one in several)


if __name__ == "__main__":
    sys.exit(main())
