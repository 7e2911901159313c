"""Optimizers against torch's own, at torch's defaults unless configured."""

import inspect
from typing import Any, get_args

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.optim import Optimizer

from failmap.search.trial.optimizers import add_l2_penalty, build_optimizer
from failmap.search.trial.train_config import BETAS, OPTIMIZERS, OptimizerName, TrainConfig

#: LBFGS needs a closure, SparseAdam sparse gradients, Muon matrices.
LEFT_OUT = {"LBFGS", "SparseAdam", "Muon"}
#: Each setting with a value that is not the default.
OTHER_VALUES = {
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "beta1": {"beta1": 0.8},
    "beta2": {"beta2": 0.95},
    "epsilon": {"epsilon": 1e-3},
    "weight_decay": {"weight_decay": 0.1},
}


def torch_class(name: OptimizerName) -> type[Optimizer]:
    kind: type[Optimizer] = getattr(torch.optim, OPTIMIZERS[name].torch_name)
    return kind


def config(name: str, **settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"optimizer": name, "learning_rate": None, **settings})


def trajectory(optimizer: Optimizer, parameter: nn.Parameter, penalised: TrainConfig | None = None) -> Any:
    """The weights after each of six steps over a function whose minimum moves."""
    seen = []
    for step in range(6):
        optimizer.zero_grad()
        (parameter * (parameter - 0.1 * step)).sum().backward()
        if penalised is not None:
            add_l2_penalty(penalised, [parameter])
        optimizer.step()
        seen.append(parameter.detach().clone())
    return torch.stack(seen)


def start() -> nn.Parameter:
    return nn.Parameter(torch.linspace(-1, 1, 12).view(3, 4))


def test_torch_optimizers_are_complete() -> None:
    kinds = {
        name
        for name, kind in vars(torch.optim).items()
        if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer
    }
    assert {optimizer.torch_name for optimizer in OPTIMIZERS.values()} == kinds - LEFT_OUT
    assert set(get_args(OptimizerName)) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_match_torch(name: OptimizerName) -> None:
    defaults = torch_class(name)([start()]).defaults
    written = config(name)
    assert written.learning_rate == defaults["lr"]
    assert written.weight_decay == defaults.get("weight_decay", 0)
    assert defaults.get("betas", BETAS) == BETAS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_trajectories_match_torch(name: OptimizerName) -> None:
    ours, theirs = start(), start()
    plain = torch_class(name)([theirs], foreach=False)
    found = trajectory(build_optimizer(config(name), [ours]), ours)
    torch.testing.assert_close(found, trajectory(plain, theirs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "setting"), [(name, setting) for name, each in OPTIMIZERS.items() for setting in each.settings]
)
def test_each_setting_reaches_torch(name: OptimizerName, setting: str) -> None:
    values = OTHER_VALUES[setting]
    group = build_optimizer(config(name, **values), [start()]).param_groups[0]
    beta1, beta2 = group.get("betas", BETAS)
    named = {**group, "beta1": beta1, "beta2": beta2, "epsilon": group.get("eps")}
    assert {key: named[key] for key in values} == values


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        (name, setting)
        for name, each in OPTIMIZERS.items()
        for setting in OTHER_VALUES
        if setting not in each.settings
    ],
)
def test_unsupported_setting_is_rejected(name: OptimizerName, setting: str) -> None:
    with pytest.raises(ValidationError, match=rf"train\.\w+ .*{name}: .* (has|have) it"):
        config(name, **OTHER_VALUES[setting])


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(ValidationError, match=r"train\.momentum=0\.9"):
        config("sgd", nesterov=True)


def test_stored_configuration_is_complete() -> None:
    stored = config("adamw").model_dump(mode="json")
    assert (stored["learning_rate"], stored["weight_decay"]) == (1e-3, 1e-2)
    assert TrainConfig.model_validate(stored) == config("adamw")
    assert TrainConfig().learning_rate == 3e-3


@pytest.mark.parametrize(("name", "is_same"), [("adam", True), ("sgd", True), ("adamw", False)])
def test_weight_decay_is_l2_penalty_unless_decoupled(name: OptimizerName, is_same: bool) -> None:
    decayed, penalised = config(name, weight_decay=0.3), config(name, weight_decay=0, l2_penalty=0.3)
    ours, theirs = start(), start()
    with_penalty = trajectory(build_optimizer(penalised, [ours]), ours, penalised)
    with_decay = trajectory(build_optimizer(decayed, [theirs]), theirs)
    assert torch.allclose(with_penalty, with_decay, rtol=1e-5, atol=1e-6) == is_same
