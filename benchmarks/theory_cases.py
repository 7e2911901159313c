"""What the forecast is tried on: small networks on small tasks, trained to their ends, and kept.

How trainings ended lies in runs/theory/, one line each, so that a benchmark that was cut off goes on where it
was, and the longer setting begins with what the shorter one trained.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import process_time
from typing import Any, Literal

import torch

from benchmarks.known_results.trainings import train
from failmap.analysis.storage.local import cut_torn_line
from failmap.search.cost import relative_cost
from failmap.search.trial.config import TrialConfig

Setting = Literal["short", "full"]

FOLDER = Path("runs") / "theory"

#: Tasks by name, with the lengths among which learning was seen to end.
TASKS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "adding": ({"name": "adding"}, (5, 10, 20, 40)),
    "delayed_recall": ({"name": "delayed_recall"}, (5, 10, 20, 40)),
    "sum_regression": ({"name": "sum_regression"}, (5, 10, 20, 40)),
    "temporal_order": ({"name": "temporal_order"}, (5, 10, 20, 40)),
    "parity": ({"name": "parity"}, (2, 3, 5, 10)),
    "parity_every_step": ({"name": "parity", "supervision": "every_step"}, (5, 10, 20, 40)),
    "mnist": ({"name": "mnist"}, (4, 14, 28, 56)),
}
NETWORKS: dict[str, dict[str, Any]] = {
    "rnn": {"name": "rnn"},
    "rnn_identity": {"name": "rnn", "nonlinearity": "relu", "initialization": "identity"},
    "gru": {"name": "gru"},
    "lstm": {"name": "lstm"},
    "lstm_chrono": {"name": "lstm", "chrono": True},
    "lstm_residual_norm": {"name": "lstm", "residual": True, "layer_norm": True},
}
DEPTHS = (1, 2, 4)
NUM_SEEDS = 2
MAX_UPDATES = 600
#: The short setting takes one cell in so many, each map others of them.
_THINNING = 3

_TRAIN = {
    "learning_rate": 5e-3,
    "clip_norm": 1.0,
    "batch_size": 32,
    "max_updates": MAX_UPDATES,
    "evaluate_every": 25,
}


@dataclass(frozen=True)
class Case:
    """One cell of one map: names of `TASKS` and `NETWORKS`, length and depth."""

    task: str
    network: str
    length: int
    depth: int

    def config(self, seed: int = 0) -> TrialConfig:
        """Its training."""
        return TrialConfig.model_validate(
            {
                "task": {**TASKS[self.task][0], "sequence_length": self.length},
                "model": {**NETWORKS[self.network], "depth": self.depth, "hidden_size": 32},
                "train": _TRAIN,
                "seed": seed,
            }
        )


def cases(setting: Setting) -> list[Case]:
    """Every cell of every map, or one in three of them."""
    chosen = []
    maps = [(task, network) for task in TASKS for network in NETWORKS]
    for index, (task, network) in enumerate(maps):
        cells = [(length, depth) for length in TASKS[task][1] for depth in DEPTHS]
        chosen += [
            Case(task, network, length, depth)
            for number, (length, depth) in enumerate(cells)
            if setting == "full" or (number + index + number // len(DEPTHS)) % _THINNING == 0
        ]
    return chosen


def outcomes_of(configs: Sequence[TrialConfig], num_processes: int) -> list[dict[str, Any]]:
    """How each training ended, in their order; what `FOLDER` knows is not trained again."""
    path = FOLDER / "outcomes.jsonl"
    FOLDER.mkdir(parents=True, exist_ok=True)
    cut_torn_line(path)
    known = dict(_read(path))
    missing = [config for config in configs if _key(config) not in known]
    with path.open("a", encoding="utf-8") as file:
        for config, found in in_processes(_outcome, missing, num_processes):
            known[_key(config)] = found
            file.write(json.dumps({"config": _key(config), "found": found}) + "\n")
            file.flush()
    return [known[_key(config)] for config in configs]


def in_processes(
    measure: Callable[[TrialConfig], dict[str, Any]], configs: Sequence[TrialConfig], num_processes: int
) -> Iterator[tuple[TrialConfig, dict[str, Any]]]:
    """What a function says of each trial, in the order in which they end; the dearest begin first.

    Each has a thread of its own; `seconds` of its processor's time stand beside what was found.
    """
    dearest_first = sorted(configs, key=relative_cost, reverse=True)
    with ProcessPoolExecutor(num_processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_timed, measure, config): config for config in dearest_first}
        for number, done in enumerate(as_completed(running), start=1):
            print(f"{number} of {len(configs)}", flush=True)
            yield running[done], done.result()


def _outcome(config: TrialConfig) -> dict[str, Any]:
    """Trains to the end."""
    result = train(config)
    return {"learned": result.has_learned, "updates": result.updates, "score": result.score}


def _key(config: TrialConfig) -> str:
    """What was asked for; a setting that is added to Failmap some day changes no old key."""
    return config.model_dump_json(exclude_unset=True)


def _timed(measure: Callable[[TrialConfig], dict[str, Any]], config: TrialConfig) -> dict[str, Any]:
    """What was measured, and the processor's seconds that it took."""
    torch.set_num_threads(1)
    started = process_time()
    found = measure(config)
    return {**found, "seconds": process_time() - started}


def _read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                values = json.loads(line)
                yield values["config"], values["found"]
