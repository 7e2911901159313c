"""A criterion that chance could reach is refused before anything starts."""

import subprocess
import sys
from typing import Any

import pytest

from failmap.datasets.config import TASK_CONFIGS, TaskConfig
from failmap.datasets.criterion import check_criterion
from failmap.datasets.errors import TaskError


def config_of(name: str, **values: Any) -> TaskConfig:
    return TASK_CONFIGS[name].model_validate({"name": name, **values})


@pytest.mark.parametrize("name", TASK_CONFIGS)
def test_defaults_pass(name: str) -> None:
    check_criterion(config_of(name))


SAMPLED = [
    pytest.param(values, id=values["name"])
    for values in [
        {"name": "parity", "sequence_length": 20},
        {"name": "marked_xor", "sequence_length": 20},
        {"name": "adding"},
        {"name": "sum_regression"},
        {"name": "sum_regression", "number_range": 2, "sequence_length": 20},
        {"name": "copy_memory"},
        {"name": "mnist"},
    ]
]


@pytest.mark.parametrize("values", SAMPLED)
def test_proposed_test_size_is_the_smallest_that_passes(values: dict[str, Any]) -> None:
    with pytest.raises(TaskError, match=r"set task\.test_size=\d+ or more$") as refusal:
        check_criterion(config_of(**values, test_size=20 if values["name"] == "mnist" else 6))
    proposed = int(str(refusal.value).rpartition("task.test_size=")[2].split()[0])
    check_criterion(config_of(**values, test_size=proposed))
    with pytest.raises(TaskError):
        check_criterion(config_of(**values, test_size=proposed - 2))


def test_tiny_test_set_is_refused_in_one_line() -> None:
    with pytest.raises(TaskError) as refusal:
        check_criterion(config_of("parity", sequence_length=20, test_size=2))
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith("task.test_size=2 ")
    assert "accuracy 0.99" in message
    assert "task.test_size=44" in message


def test_lenient_score_is_refused() -> None:
    with pytest.raises(TaskError, match=r"accuracy 0\.55.* or a criterion\.score above 0\.1$"):
        check_criterion(config_of("parity", sequence_length=20), score=0.1)
    with pytest.raises(TaskError, match=r"set a criterion\.score above 0\.01$"):
        check_criterion(config_of("adding"), score=0.01)
    check_criterion(config_of("parity"), score=0.5)
    check_criterion(config_of("adding"), score=0.5)


def test_more_evaluations_need_more_sequences() -> None:
    config = config_of("parity", sequence_length=20, test_size=60)
    check_criterion(config, num_evaluations=1)
    with pytest.raises(TaskError):
        check_criterion(config, num_evaluations=1_000_000)


def test_enumerated_set_needs_no_margin() -> None:
    config = config_of("parity", sequence_length=3, test_size=20)
    check_criterion(config, num_evaluations=10**9)
    check_criterion(config, score=0.1)


def test_unknown_chance_is_not_checked() -> None:
    config = config_of("moving_mnist")
    assert config.chance() is None
    check_criterion(config, score=0.01)


def test_long_sequences_are_checked_fast() -> None:
    for name in ("parity", "marked_xor", "adding", "sum_regression", "temporal_order"):
        check_criterion(config_of(name, sequence_length=10_000, supervision="every_step"))


def test_adding_criterion_is_a_twentieth_of_chance() -> None:
    assert config_of("adding").target_metric() == pytest.approx(1 / 120)


def test_needs_no_torch() -> None:
    program = "import failmap.datasets.criterion, sys; sys.exit(bool({'torch', 'scipy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
