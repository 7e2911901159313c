"""A classifier of sequences in plain PyTorch, as a user of Ray Tune writes it, and its search."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from torch import Tensor, nn

from failmap.datasets import build_task
from failmap.datasets.config import ArrayFileConfig

UPDATES, EVALUATE_EVERY, BATCH_SIZE = 400, 40, 32
_PARTS = ("train", "validation", "test")
_OPTIMIZERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        seconds: Wall-clock seconds from its start to its end.
        seconds_to_target: Until an evaluation reached the target; None if none did.
        num_trials: Trials that were evaluated at least once.
        num_whole: Those among them that were trained to their end.
        claimed: The accuracy that the best one is said to have.
        interval: What it is said to lie in, if that is said.
        recipe: The best one, by the names of `train`.
    """

    seconds: float
    seconds_to_target: float | None
    num_trials: int
    num_whole: int
    claimed: float
    interval: tuple[float, float] | None
    recipe: dict[str, Any]


class Network(nn.Module):
    """An LSTM whose last state is read."""

    def __init__(self, num_features: int, num_classes: int, hidden_size: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.LSTM(num_features, hidden_size, depth, batch_first=True)
        self.readout = nn.Linear(hidden_size, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of each sequence."""
        states, _ = self.layers(inputs)
        logits: Tensor = self.readout(states[:, -1])
        return logits


def write_parts(data: Path, parts: Path) -> None:
    """Write training, validation and test as Failmap splits and normalises a file of arrays."""
    task = build_task(ArrayFileConfig(path=str(data)))
    task.unseal()
    assert task.num_train is not None
    sets = (task.train_batch(0, 0, task.num_train, 0.0), task.validation_set(), task.test_set())
    arrays = {}
    for name, batch in zip(_PARTS, sets, strict=True):
        arrays |= {name: batch.inputs.numpy(), f"{name}_labels": batch.targets.numpy()}
    np.savez(parts, allow_pickle=False, **arrays)


def train(
    recipe: dict[str, Any], parts: Path, measured: Sequence[str] = ("validation",)
) -> Iterator[list[float]]:
    """Train, and yield the accuracies on some parts at each evaluation."""
    with np.load(parts, allow_pickle=False) as stored:
        inputs, labels = torch.from_numpy(stored["train"]), torch.from_numpy(stored["train_labels"])
        held_out = [
            (torch.from_numpy(stored[name]), torch.from_numpy(stored[f"{name}_labels"])) for name in measured
        ]
    model = Network(inputs.shape[-1], int(labels.max()) + 1, recipe["hidden_size"], recipe["depth"])
    optimizer = _OPTIMIZERS[recipe["optimizer"]](model.parameters(), lr=recipe["learning_rate"])
    order = torch.randperm(len(inputs))
    for update in range(1, UPDATES + 1):
        if len(order) < BATCH_SIZE:
            order = torch.randperm(len(inputs))
        rows, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
        loss = nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        if recipe["clip_norm"] is not None:
            nn.utils.clip_grad_norm_(model.parameters(), recipe["clip_norm"])
        optimizer.step()
        if update % EVALUATE_EVERY == 0:
            model.eval()
            with torch.no_grad():
                accuracies = [(model(x).argmax(-1) == y).float().mean().item() for x, y in held_out]
            model.train()
            yield accuracies


def trainable(config: dict[str, Any]) -> None:
    """Train one trial of Ray Tune."""
    torch.set_num_threads(1)
    torch.seed()
    for (accuracy,) in train(config, config["parts"]):
        tune.report({"accuracy": accuracy, "moment": time.time()})


def search(parts: Path, storage: Path, seed: int, minutes: float, target: float, cpus: int) -> Found:
    """Search with Ray Tune, OptunaSearch (TPE) and ASHA, each with its defaults.

    Workers go on from trial to trial, as Failmap's do: with Ray Tune's default, every trial starts a process
    and imports torch.
    """
    began = time.time()
    ray.init("local", num_cpus=cpus, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={
            "parts": str(parts),
            "hidden_size": tune.lograndint(16, 129),
            "depth": tune.choice([1, 2]),
            "learning_rate": tune.loguniform(1e-4, 1e-1),
            "optimizer": tune.choice(["adam", "sgd", "rmsprop"]),
            "clip_norm": tune.choice([None, 1.0, 0.1]),
        },
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            search_alg=OptunaSearch(seed=seed),
            scheduler=ASHAScheduler(max_t=UPDATES // EVALUATE_EVERY),
            num_samples=-1,
            time_budget_s=60 * minutes,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(storage_path=str(storage), verbose=0),
    )
    results = tuner.fit()
    seconds = time.time() - began
    ray.shutdown()
    moments, evaluated = [], []
    for result in results:
        frame = result.metrics_dataframe
        if frame is not None and len(frame):
            evaluated.append(len(frame))
            moments += frame.loc[frame["accuracy"] >= target, "moment"].tolist()
    best = results.get_best_result()
    return Found(
        seconds,
        min(moments) - began if moments else None,
        len(evaluated),
        sum(number == UPDATES // EVALUATE_EVERY for number in evaluated),
        float(best.metrics["accuracy"]),
        None,
        {name: value for name, value in best.config.items() if name != "parts"},
    )
