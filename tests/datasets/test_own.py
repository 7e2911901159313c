"""An own task behind the interface of ours."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.datasets import build_task
from failmap.datasets.config import OwnTaskConfig
from failmap.datasets.own import OwnTask
from failmap.datasets.task import SealedError, num_shared

SOURCE = """
import torch


class Lag:
    kind = "number"
    input_size = output_size = 1

    def __init__(self, lag=3):
        self.lag, self.num_steps = lag, lag + 2

    def draw(self, num, generator):
        inputs = torch.rand(num, self.num_steps, 1, generator=generator)
        return inputs, inputs[:, -self.lag, 0]


class Bits(Lag):
    kind = "binary"
    supervision = "every_step"

    def draw(self, num, generator):
        inputs, _ = super().draw(num, generator)
        # A 1 is rare at first, and frequent at the end.
        shares = torch.linspace(0.1, 0.9, self.num_steps)
        return inputs, (inputs[..., 0] < shares).float()


class Classes(Lag):
    kind = "category"
    output_size = 4
    chance = 0.4
    target_metric = 0.8

    def draw(self, num, generator):
        inputs, _ = super().draw(num, generator)
        return inputs, (inputs[:, 0, 0] * 4).long()


class Held:
    kind = "number"
    input_size, output_size, num_steps = 2, 1, 4

    def __init__(self, num=30):
        generator = torch.Generator().manual_seed(0)
        sets = [torch.rand(num, 4, 2, generator=generator) for num in (num, 20, 10)]
        self.train, self.validation, self.test = ((part, 3 * part[:, 0, 0]) for part in sets)


KIND = "number"


class NotLiteral(Lag):
    kind = KIND
"""


@pytest.fixture
def build(tmp_path: Path) -> Any:
    (tmp_path / "own_tasks.py").write_text(SOURCE)

    def built(name: str, args: dict[str, Any] | None = None, **settings: Any) -> OwnTask:
        config = OwnTaskConfig(name=f"{tmp_path}/own_tasks.py:{name}", args=args or {}, **settings)
        task = build_task(config)
        assert isinstance(task, OwnTask)
        return task

    return built


def test_the_class_states_the_kind_of_its_targets(build: Any) -> None:
    for name, kind, layout in (
        ("Lag", "number", "sequence"),
        ("Bits", "binary", "step"),
        ("Classes", "category", "sequence"),
        ("NotLiteral", "number", "sequence"),
    ):
        config = build(name).config
        assert (config.target_kind, config.target_layout) == (kind, layout)


def test_a_batch_is_a_function_of_seed_and_update(build: Any) -> None:
    for name in ("Lag", "Held"):
        task, again = build(name), build(name)
        again.train_batch(3, 5, 7, 0.0)
        batch = task.train_batch(1, 2, 16, 0.5)
        assert torch.equal(batch.inputs, again.train_batch(1, 2, 16, 0.5).inputs)
        assert not torch.equal(batch.inputs, task.train_batch(1, 3, 16, 0.5).inputs)
        assert not torch.equal(batch.inputs, task.train_batch(2, 2, 16, 0.5).inputs)


def test_held_out_sets_are_fixed_and_sealed(build: Any) -> None:
    task = build("Lag", {"lag": 4}, test_size=100)
    assert task.num_steps == 6
    assert len(task.validation_set().inputs) == task.num_validation == 50
    with pytest.raises(SealedError):
        task.test_set()
    task.unseal()
    assert len(task.test_set().inputs) == 100
    assert num_shared(task.validation_set(), task.test_set()) == 0


def test_a_finite_task_is_shown_in_epochs(build: Any) -> None:
    task = build("Held", {"num": 30})
    assert task.num_train == 30
    epoch = torch.cat([task.train_batch(0, update, 10, 0.0).targets for update in range(3)])
    assert sorted(epoch.tolist()) == sorted(task.own.train[1].tolist())
    task.unseal()
    assert torch.equal(task.test_set().inputs, task.own.test[0])


def test_chance_of_a_number_is_the_variance(build: Any) -> None:
    task = build("Lag", test_size=20_000)
    assert task.chance.metric == task.chance.loss == pytest.approx(1 / 12, rel=0.05)
    assert task.target_metric == pytest.approx(0.05 * task.chance.metric)
    assert task.perfect_metric == 0
    assert task.target_moments == pytest.approx((0.5, math.sqrt(1 / 12)), abs=0.01)


def test_chance_of_labels_at_every_step_knows_the_step(build: Any) -> None:
    task = build("Bits", {"lag": 3}, test_size=20_000)
    shares = [0.1, 0.3, 0.5, 0.7, 0.9]
    assert task.chance.metric == pytest.approx(sum(max(p, 1 - p) for p in shares) / 5, abs=0.01)
    nats = sum(-p * math.log(p) - (1 - p) * math.log(1 - p) for p in shares) / 5
    assert task.chance.loss == pytest.approx(nats, abs=0.01)
    assert task.target_metric == 0.99


def test_the_class_may_state_chance_and_criterion(build: Any) -> None:
    task = build("Classes")
    assert task.chance.metric == 0.4
    assert task.chance.loss == pytest.approx(math.log(4), abs=0.02)
    assert task.target_metric == 0.8


def test_a_finite_task_asks_for_less(build: Any) -> None:
    task = build("Held")
    assert task.target_metric == pytest.approx(0.4 * task.chance.metric)
