"""Parts of a trial that do not fit each other are told before anything is built."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from failmap.search.trial.config import TrialConfig


def refusal_of(task: dict[str, Any], model: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refusal:
        TrialConfig.model_validate({"task": task, "model": model})
    (told,) = refusal.value.errors()
    return told["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize("model", ["mlp", "encoder_decoder"])
def test_a_label_at_every_step_can_be_had_at_the_last_where_the_task_is_drawn(model: str) -> None:
    told = refusal_of({"name": "parity", "supervision": "every_step"}, {"name": model})
    assert told.endswith("as task parity asks for here; set task.supervision=last, or take model=lstm")


@pytest.mark.parametrize(
    "task", [{"name": "array_file", "supervision": "every_step"}, {"name": "copy_memory"}]
)
def test_targets_of_a_file_and_copied_symbols_cannot(task: dict[str, Any]) -> None:
    told = refusal_of(task, {"name": "mlp"})
    assert told.endswith(f"as task {task['name']} asks for here; take model=lstm")


def test_a_patch_that_does_not_divide_the_frame_is_told() -> None:
    told = refusal_of({"name": "moving_mnist", "frame_size": 30}, {"name": "conv_lstm", "patch_size": 4})
    assert told == "model.patch_size=4 does not divide frames of 30 x 30 pixels: 3 does"


def test_pictures_come_before_patches() -> None:
    told = refusal_of({"name": "parity"}, {"name": "conv_lstm", "patch_size": 4})
    assert told.startswith("model=conv_lstm sees pictures, and task parity has none")


def test_that_is_told_without_torch() -> None:
    told = (
        "import sys; from failmap.search.loading import load\n"
        "try: load(['task=moving_mnist', 'model=conv_lstm', 'model.patch_size=7'])\n"
        "except ValueError as error: print(error)\n"
        "print('torch' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout
    assert "model.patch_size=7 does not divide frames of" in printed
    assert printed.endswith("False\n")
