"""States of own training functions: what goes in comes back, and damage is noticed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from failmap.search.own.state import OwnState, StateError
from failmap.search.trial.criterion import Progress


def there_and_back(state: Any, folder: Path) -> Any:
    OwnState.take(state, Progress(update=4)).save(folder)
    stored = OwnState.load(folder)
    assert stored is not None
    assert stored.progress.update == 4
    return stored.restored()


def test_state_comes_back_with_its_types(tmp_path: Path) -> None:
    state = {
        "numbers": [1, 2.5, True, None, float("inf")],
        0: {"betas": (0.9, 0.999), "name": "adam", "tensor": "no tensor"},
        "empty": [{}, [], ()],
    }
    assert there_and_back(state, tmp_path) == state


def test_tensors_and_arrays_come_back_bit_by_bit(tmp_path: Path) -> None:
    shared = torch.randn(4, 3)
    state = {
        "weights": shared,
        "tied": shared.t(),
        "scalar": torch.tensor(7),
        "half": torch.randn(3).to(torch.bfloat16),
        "empty": torch.zeros(0, 2),
        "array": np.arange(6, dtype=np.int32).reshape(2, 3)[:, ::2],
        "number": np.float64(0.1),
    }
    back = there_and_back(state, tmp_path)
    for name in ("weights", "tied", "scalar", "half", "empty"):
        assert torch.equal(back[name], state[name])
        assert back[name].dtype == state[name].dtype
    assert back["array"].tolist() == state["array"].tolist()
    assert back["array"].dtype == np.int32
    assert back["number"] == 0.1


def test_state_is_copied_when_it_is_taken() -> None:
    tensor, values = torch.zeros(2), [1]
    taken = OwnState.take({"tensor": tensor, "values": values}, Progress())
    tensor += 1
    values.append(2)
    assert taken.restored()["tensor"].tolist() == [0.0, 0.0]
    assert taken.restored()["values"] == [1]


@pytest.mark.parametrize(
    "state",
    [
        {"a": object()},
        {"a": {1, 2}},
        {("a", 1): 2},
        {"a": torch.zeros(2).to_sparse()},
        {"a": np.array(["text"])},
        {"a": torch.nn.Linear(1, 1)},
    ],
)
def test_anything_else_is_refused(state: Any) -> None:
    with pytest.raises(StateError, match=r"^state"):
        OwnState.take(state, Progress())


@pytest.mark.parametrize("position", [-1, -60])
def test_damaged_checkpoint_is_no_checkpoint(tmp_path: Path, position: int) -> None:
    OwnState.take({"weights": torch.randn(10)}, Progress()).save(tmp_path)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[position] ^= 4
    file.write_bytes(content)
    assert OwnState.load(tmp_path) is None
    file.write_bytes(content[:50])
    assert OwnState.load(tmp_path) is None
