"""Files of the user's own for validation and test."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from failmap.datasets import build_task
from failmap.datasets.array_file import ArrayFile
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError

RANDOM = np.random.RandomState(0)


def arrays(size: int, num_steps: int = 6, num_features: int = 2) -> dict[str, Any]:
    inputs = RANDOM.normal(size=(size, num_steps, num_features))
    return {"inputs": inputs, "targets": inputs.sum((1, 2)) > 0}


def write(path: Path, content: dict[str, Any]) -> str:
    np.savez(path, **content)
    return str(path)


def build(**values: Any) -> ArrayFile:
    task = build_task(ArrayFileConfig(**values))
    assert isinstance(task, ArrayFile)
    task.unseal()
    return task


def test_each_set_is_its_file(tmp_path: Path) -> None:
    contents = {"train": arrays(300), "validation": arrays(80, 4), "test": arrays(70)}
    paths = {name: write(tmp_path / f"{name}.npz", content) for name, content in contents.items()}
    task = build(path=paths["train"], validation_path=paths["validation"], test_path=paths["test"])
    assert (task.num_train, task.num_validation, len(task.test_set().targets)) == (300, 80, 70)
    assert task.test_set().targets.tolist() == contents["test"]["targets"].astype(int).tolist()
    shown = contents["train"]["inputs"].reshape(-1, 2)
    expected = (contents["validation"]["inputs"] - shown.mean(0)) / shown.std(0)
    found = task.validation_set()
    assert np.allclose(found.inputs[:, :4], expected, atol=1e-5), "scaled as training is"


@pytest.mark.parametrize("name", ["validation_path", "test_path"])
def test_what_has_no_file_is_split(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "train.npz", arrays(300))
    task = build(path=path, **{name: write(tmp_path / "own.npz", arrays(80))})
    sizes = {"validation_path": task.num_validation, "test_path": len(task.test_set().targets)}
    assert sizes.pop(name) == 80
    assert sizes.popitem()[1] == 60
    assert task.num_train == 240


def test_series(tmp_path: Path) -> None:
    names = {"path": 500, "validation_path": 200, "test_path": 100}
    for name, size in names.items():
        pd.DataFrame({"v": RANDOM.normal(size=size)}).to_csv(tmp_path / f"{name}.csv", index=False)
    paths = {name: str(tmp_path / f"{name}.csv") for name in names}
    settings = {"target": "forecasting", "sequence_length": 9, "horizon": 2}
    task = build(**paths, **settings)
    assert (task.num_train, task.num_validation, len(task.test_set().targets)) == (490, 190, 90)
    del paths["validation_path"]
    assert build(**paths, **settings).num_validation == 90, (
        "a fifth of 500 steps, less a window's other steps"
    )


def test_copies_are_noted(tmp_path: Path) -> None:
    content = arrays(300)
    path = write(tmp_path / "train.npz", content)
    copied = {name: values[:50] for name, values in content.items()}
    own = write(tmp_path / "validation.npz", copied)
    task = build(path=path, validation_path=own, test_path=write(tmp_path / "test.npz", arrays(50)))
    assert "50 of 50 sequences in validation.npz are in training, too" in task.notes


def test_other_features_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "train.npz", arrays(300))
    with pytest.raises(
        TaskError, match=r"task\.test_path=.*has the features 0, 1, 2, and train\.npz has 0, 1"
    ):
        build(path=path, test_path=write(tmp_path / "test.npz", arrays(80, num_features=3)))
    with pytest.raises(TaskError, match=r"tast\.npz: no such file; did you mean test\.npz"):
        build(path=path, test_path=str(tmp_path / "tast.npz"))
    with pytest.raises(ValidationError, match="is the file that is trained on"):
        build(path=path, test_path=path)
