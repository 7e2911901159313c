"""Every task in its variants, small."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from failmap.datasets import build_task
from failmap.datasets.config import TASK_CONFIGS, TaskConfig
from failmap.datasets.task import Task

LENGTH = 7
LENGTH_DISTRIBUTIONS = ("fixed", "uniform", "curriculum")

#: Drawn by a formula, with a label at the last step or at every step.
BY_FORMULA: dict[str, dict[str, Any]] = {
    "parity": {"name": "parity"},
    "parity of 3": {"name": "parity", "number_range": 3},
    "parity of 10": {"name": "parity", "number_range": 10},
    "marked xor": {"name": "marked_xor"},
    "adding": {"name": "adding"},
    "sum": {"name": "sum_regression"},
    "sum of bits": {"name": "sum_regression", "number_range": 2},
    "sum of 10": {"name": "sum_regression", "number_range": 10},
    "recall of 2": {"name": "delayed_recall"},
    "recall of 5": {"name": "delayed_recall", "num_symbols": 5},
    "order of 2": {"name": "temporal_order"},
    "order of 3": {"name": "temporal_order", "num_marks": 3},
}
#: Drawn by a formula, with a label at every step only.
COPYING: dict[str, dict[str, Any]] = {
    "copy": {"name": "copy_memory"},
    "copy 2 of 3": {"name": "copy_memory", "num_symbols": 3, "num_copied": 2},
}
SMALL_FRAMES = {"frame_size": 12, "digit_size": 7, "num_digits": 1, "prediction_length": 3, "test_size": 200}
_FOLDER = TemporaryDirectory()


def write_arrays(name: str, **arrays: np.ndarray) -> str:
    """A file of the user's, there as long as the tests run."""
    path = Path(_FOLDER.name) / f"{name}.npz"
    np.savez(path, **arrays)
    return str(path)


_RANDOM = np.random.RandomState(0)
_WHOLE_NUMBERS = _RANDOM.randint(0, 10, (2000, 200, 2))
#: On data of their own.
ON_DATA: dict[str, dict[str, Any]] = {
    "mnist": {"name": "mnist"},
    "ragged classes of groups": {
        "name": "array_file",
        "path": write_arrays(
            "classes",
            inputs=_WHOLE_NUMBERS,
            targets=np.arange(2000) % 3,
            lengths=np.append(200, _RANDOM.randint(28, 201, 1999)),
            groups=np.arange(2000) // 3,
        ),
    },
    "numbers at every step in time": {
        "name": "array_file",
        "path": write_arrays(
            "numbers",
            inputs=_WHOLE_NUMBERS,
            targets=_WHOLE_NUMBERS.max(2),
            times=np.arange(2000),
        ),
        "target": "regression",
        "supervision": "every_step",
    },
    "forecast": {
        "name": "array_file",
        "path": write_arrays("series", series=_WHOLE_NUMBERS[:40].reshape(8000, 2)),
        "target": "forecasting",
        "horizon": 3,
    },
    "permuted mnist": {"name": "mnist", "permuted": True},
    "mnist of 300": {"name": "mnist", "train_size": 300},
    "moving mnist, reconstruction": {"name": "moving_mnist", "target": "reconstruction", **SMALL_FRAMES},
    "moving mnist, prediction": {"name": "moving_mnist", "target": "prediction", **SMALL_FRAMES},
    "moving mnist, both of 2": {"name": "moving_mnist", "target": "both", **SMALL_FRAMES, "num_digits": 2},
}

GENERATED = [
    pytest.param({**variant, "supervision": supervision}, id=f"{name}, {supervision}")
    for name, variant in BY_FORMULA.items()
    for supervision in ("last", "every_step")
] + [pytest.param(variant, id=name) for name, variant in COPYING.items()]
ALL = [*GENERATED, *(pytest.param(variant, id=name) for name, variant in ON_DATA.items())]
#: Those whose targets are no classes.
NUMBERS = [case for case in GENERATED if TASK_CONFIGS[str(case.values[0]["name"])].kind != "category"]
#: Fewer steps leave no room for the marks.
SHORTEST = {"adding": 2, "marked_xor": 2, "temporal_order": 2}


def shortest_of(variant: dict[str, Any]) -> int:
    """The shortest sequences that make sense."""
    return variant.get("num_marks", SHORTEST.get(variant["name"], 1))


def config_of(variant: dict[str, Any], **values: Any) -> TaskConfig:
    return TASK_CONFIGS[variant["name"]].model_validate({"sequence_length": LENGTH, **variant, **values})


def build(variant: dict[str, Any], **values: Any) -> Task:
    return build_task(config_of(variant, **values))
