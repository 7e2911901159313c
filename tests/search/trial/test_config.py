"""Parts of a trial that do not fit each other are rejected before anything is built."""

import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from failmap.search.trial.config import TrialConfig


def refusal_of(task: dict[str, Any], model: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refusal:
        TrialConfig.model_validate({"task": task, "model": model})
    (problem,) = refusal.value.errors()
    return problem["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize("model", ["mlp", "encoder_decoder"])
def test_generated_task_suggests_last_step_supervision(model: str) -> None:
    problem = refusal_of({"name": "parity", "supervision": "every_step"}, {"name": model})
    assert f"model={model}" in problem
    assert "task.supervision=last" in problem
    assert "model=lstm" in problem


@pytest.mark.parametrize(
    "task", [{"name": "array_file", "supervision": "every_step"}, {"name": "copy_memory"}]
)
def test_other_tasks_suggest_lstm(task: dict[str, Any]) -> None:
    problem = refusal_of(task, {"name": "mlp"})
    assert task["name"] in problem
    assert "model=lstm" in problem
    assert "task.supervision" not in problem


def test_patch_must_divide_frame() -> None:
    problem = refusal_of({"name": "moving_mnist", "frame_size": 30}, {"name": "conv_lstm", "patch_size": 4})
    assert re.match(r"model.patch_size=4 .* 30 x 30 .*\b3\b", problem)


def test_missing_frames_are_reported_before_patches() -> None:
    problem = refusal_of({"name": "parity"}, {"name": "conv_lstm", "patch_size": 4})
    assert problem.startswith("model=conv_lstm")
    assert "task=moving_mnist" in problem


def test_misfit_needs_no_torch() -> None:
    script = (
        "import sys; from failmap.search.loading import load\n"
        "try: load(['task=moving_mnist', 'model=conv_lstm', 'model.patch_size=7'])\n"
        "except ValueError as error: print(error)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "model.patch_size=7" in done.stdout
    assert done.stdout.endswith("False\n")
