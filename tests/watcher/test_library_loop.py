"""What adapters to other libraries share, without those libraries."""

import importlib
import subprocess
import sys
from typing import Any

import pytest
import torch

from failmap.watcher.library_loop import inputs_and_targets, loss_in, without_loss

X, Y, LOSS = torch.zeros(4, 3), torch.zeros(4), torch.tensor(1.0)


@pytest.mark.parametrize(
    ("batch", "inputs", "targets"),
    [
        ((X, Y), (X,), Y),
        ([X, 4, Y], [X, 4], Y),
        ({"label": Y, "x": X}, {"x": X}, Y),
        ({"label": None, "x": X, "y": Y}, {"label": None, "x": X}, Y),
        ({"x": X}, {"x": X}, None),
        (X, X, None),
        ([X], [X], None),
    ],
)
def test_parts_of_a_batch(batch: Any, inputs: Any, targets: Any) -> None:
    found_inputs, found_targets = inputs_and_targets(batch)
    assert found_targets is targets
    assert str(found_inputs) == str(inputs)
    assert type(found_inputs) is type(inputs)


@pytest.mark.parametrize(
    ("outputs", "loss", "others"),
    [
        (LOSS, LOSS, LOSS),
        ({"loss": LOSS, "logits": X, "states": Y}, LOSS, X),
        ({"logits": X}, None, X),
        ((LOSS, X), LOSS, (X,)),
        ((X, Y), None, (X, Y)),
        (X, None, X),
        (None, None, None),
    ],
)
def test_parts_of_what_a_step_returns(outputs: Any, loss: Any, others: Any) -> None:
    assert loss_in(outputs) is loss
    assert str(without_loss(outputs)) == str(others)


@pytest.mark.parametrize("library", ["lightning", "transformers"])
def test_a_missing_library_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"failmap.watcher.{library}", raising=False)
    with pytest.raises(ModuleNotFoundError, match=rf"failmap\.watcher\.{library} needs {library}") as caught:
        importlib.import_module(f"failmap.watcher.{library}")
    assert caught.value.__suppress_context__
    assert "\n" not in str(caught.value)


def test_a_watch_imports_no_such_library() -> None:
    script = (
        "import sys, failmap.watcher.watch, failmap.watcher.library_loop\n"
        "print(sorted({'lightning', 'transformers', 'ray', 'optuna', 'pandas'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
