"""Targets that later inputs tell are found, whatever their form, and others are not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from failmap.search.preflight.check import Finding
from failmap.search.preflight.later_inputs import later_inputs
from tests.search.preflight.conftest import MakeSubject

RANDOM = np.random.RandomState(0)
INPUTS = RANDOM.normal(size=(1500, 16, 2))
VALUES, OTHERS = INPUTS[:, :, 0], RANDOM.normal(size=(1500, 16))

CheckTargets = Callable[..., Finding]


@pytest.fixture
def check_targets(make_subject: MakeSubject, tmp_path: Path) -> CheckTargets:
    """Checks a bidirectional network on targets at every step."""

    def check(targets: np.ndarray, inputs: np.ndarray = INPUTS, **task: Any) -> Finding:
        np.savez(tmp_path / "my.npz", inputs=inputs, targets=targets)
        kind = "classification" if targets.dtype.kind in "ib" else "regression"
        task = {"name": "array_file", "path": str(tmp_path / "my.npz"), "target": kind, **task}
        model = {"hidden_size": 4, "bidirectional": task.pop("bidirectional", True)}
        task = {"supervision": "every_step" if targets.ndim == 2 else "last", "sequence_length": 0, **task}
        return later_inputs(make_subject(task=task, model=model))

    return check


def shifted(lag: int, values: np.ndarray = VALUES) -> np.ndarray:
    """Values of `lag` steps later, noise where there is none."""
    return np.concatenate([values[:, lag:], OTHERS[:, :lag]], axis=1)


TOLD = {
    "the next input": shifted(1),
    "the input 3 steps later": shifted(3) > 0,
    "the input 9 steps later": shifted(9),
    "the sum of later inputs": VALUES[:, ::-1].cumsum(axis=1)[:, ::-1],
    "the input mirrored in time": VALUES[:, ::-1],
}
NOT_TOLD = {
    "noise": OTHERS,
    "the input": VALUES > 0,
    "the input before": np.concatenate([OTHERS[:, :1], VALUES[:, :-1]], axis=1),
    "running sum": VALUES.cumsum(axis=1),
    "running parity": (VALUES > 0).cumsum(axis=1) % 2,
}


@pytest.mark.parametrize("name", TOLD)
def test_later_inputs_that_tell_are_named(check_targets: CheckTargets, name: str) -> None:
    finding = check_targets(TOLD[name])
    assert finding.status in ("warn", "fail")
    assert finding.value > 0.3
    assert name in finding.message
    assert finding.settings == ("model.bidirectional=false", "task.later_inputs=allowed")


@pytest.mark.parametrize("name", NOT_TOLD)
def test_earlier_inputs_and_noise_pass(check_targets: CheckTargets, name: str) -> None:
    assert check_targets(NOT_TOLD[name]).status == "pass"


def test_sizes_of_later_inputs_tell(check_targets: CheckTargets) -> None:
    assert check_targets(np.abs(shifted(1))).status == "fail"


def test_one_of_many_features_is_found(check_targets: CheckTargets) -> None:
    many = RANDOM.normal(size=(1500, 16, 20))
    finding = check_targets(shifted(2, many[:, :, 17]), many)
    assert finding.status == "fail"
    assert "2 steps later" in finding.message


def test_part_of_a_target_warns(check_targets: CheckTargets) -> None:
    finding = check_targets(shifted(1) + 2 * OTHERS)
    assert (finding.status, finding.value) == ("warn", pytest.approx(0.2, abs=0.06))


def test_an_answer_passes_with_the_number(check_targets: CheckTargets) -> None:
    finding = check_targets(shifted(1), later_inputs="allowed")
    assert finding.status == "pass"
    assert finding.value > 0.9


@pytest.mark.parametrize("targets", [shifted(1), VALUES.sum(axis=1)])
def test_only_steps_of_a_bidirectional_network_are_in_question(
    check_targets: CheckTargets, targets: np.ndarray
) -> None:
    assert check_targets(targets, bidirectional=targets.ndim == 1).status == "pass"
