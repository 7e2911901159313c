"""A small space, and runs over it whose trials end by a rule instead of a training."""

from collections.abc import Callable
from typing import Any

import pytest

from analysis.records import RunFolder
from search.config import RunConfig

LENGTHS, DEPTHS = [5, 10], [1, 2]
RECIPE_AXES: list[dict[str, Any]] = [
    {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
    {"path": "train.optimizer", "values": ["adam", "sgd"]},
    {"path": "train.momentum", "values": [0.0, 0.9], "when": {"train.optimizer": "sgd"}},
    {
        "path": "output",
        "values": [{"activation": "none", "loss": "mse"}, {"activation": "none", "loss": "huber"}],
    },
]


@pytest.fixture(scope="session")
def make_config() -> Callable[..., RunConfig]:
    def make(
        *,
        lengths: list[int] = LENGTHS,
        depths: list[int] = DEPTHS,
        widths: list[int] | None = None,
        **words: Any,
    ) -> RunConfig:
        facet = {} if widths is None else {"facet": "model.hidden_size"}
        axes = [
            {"path": "task.sequence_length", "values": lengths},
            {"path": "model.depth", "values": depths},
        ]
        if widths is not None:
            axes.append({"path": "model.hidden_size", "values": widths})
        space = {
            "name": "tiny",
            "map": {"x": "task.sequence_length", "y": "model.depth", **facet},
            "axes": axes + RECIPE_AXES,
            "base": {"task": {"name": "adding"}, "model": {"name": "lstm"}},
        }
        return RunConfig.model_validate({"run": "tiny", "space": space, **words})

    return make


@pytest.fixture
def folder(tmp_path: Any) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "tiny")
