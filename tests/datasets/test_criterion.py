"""A criterion that chance could reach is refused before anything starts."""

import subprocess
import sys
from typing import Any

import pytest

from datasets.config import TASK_CONFIGS, TaskConfig
from datasets.criterion import check_criterion, target_metric
from datasets.errors import TaskError


def config_of(name: str, **values: Any) -> TaskConfig:
    return TASK_CONFIGS[name].model_validate({"name": name, **values})


@pytest.mark.parametrize("name", TASK_CONFIGS)
def test_defaults_pass(name: str) -> None:
    check_criterion(config_of(name))


@pytest.mark.parametrize("name", TASK_CONFIGS)
def test_the_proposed_test_size_is_the_least_that_passes(name: str) -> None:
    with pytest.raises(TaskError, match=r"set task\.test_size=\d+ or more$") as refusal:
        check_criterion(config_of(name, test_size=20))
    proposed = int(str(refusal.value).rpartition("task.test_size=")[2].split()[0])
    check_criterion(config_of(name, test_size=proposed))
    with pytest.raises(TaskError):
        check_criterion(config_of(name, test_size=proposed - 2))


def test_a_tiny_test_set_is_told_in_one_line() -> None:
    with pytest.raises(TaskError) as refusal:
        check_criterion(config_of("parity", test_size=2))
    assert str(refusal.value) == (
        "task.test_size=2 validates on 1 sequences, too few to rule out that a guess blind to the input "
        "reaches the criterion (accuracy 0.99); set task.test_size=66 or more"
    )


def test_a_lenient_score_is_refused_too() -> None:
    with pytest.raises(TaskError, match=r"accuracy 0\.55.* or a criterion\.score above 0\.1$"):
        check_criterion(config_of("parity"), score=0.1)
    with pytest.raises(TaskError, match=r"set a criterion\.score above 0\.01$"):
        check_criterion(config_of("adding"), score=0.01)
    check_criterion(config_of("parity"), score=0.5)
    check_criterion(config_of("adding"), score=0.5)


def test_more_evaluations_ask_for_more_sequences() -> None:
    config = config_of("parity", test_size=60)
    check_criterion(config, num_evaluations=1)
    with pytest.raises(TaskError):
        check_criterion(config, num_evaluations=1_000_000)


def test_adding_must_get_below_a_twentieth_of_chance() -> None:
    assert target_metric(config_of("adding")) == pytest.approx(1 / 120)


def test_needs_no_torch() -> None:
    program = "import datasets.criterion, sys; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
