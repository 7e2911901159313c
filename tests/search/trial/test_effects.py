"""Settings without effect: the same training bit for bit, where and only where it is said so."""

from typing import Any

import pytest
import torch

from failmap.search.allocation.recipes import may_repeat
from failmap.search.loading import read_request
from failmap.search.loading.cli_args import shipped
from failmap.search.loading.combinations import settings_without_effect
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.effects import can_be_idle, canonical, idle_settings
from failmap.search.trial.training import Training

#: A setting, another value of it, what makes it idle, and what lets it act.
CASES: list[tuple[str, Any, dict[str, Any], dict[str, Any]]] = [
    ("model.dropout", 0.5, {}, {"model.depth": 2}),
    ("model.dropout", 0.5, {"model.name": "convolution"}, {"model.name": "mlp"}),
    ("model.dropout", 0.5, {"model.name": "conv_lstm"}, {"model.name": "conv_lstm", "model.depth": 2}),
    ("model.residual", True, {}, {"model.depth": 2}),
    ("model.highway", True, {}, {"model.depth": 2}),
    ("model.readout_from", "all", {}, {"model.depth": 2}),
    ("model.uniform_range", 0.2, {"model.initialization": "glorot"}, {"model.initialization": "uniform"}),
    ("model.hidden_size", 5, {"model.widths": "4"}, {}),
    (
        "model.linear_size",
        3,
        {"model.name": "encoder_decoder", "model.input_layers": 0},
        {"model.name": "encoder_decoder"},
    ),
    (
        "model.decoder_input",
        "zero",
        {"model.name": "encoder_decoder"},
        {"model.name": "encoder_decoder", "task.name": "moving_mnist"},
    ),
    ("train.step_count", 1, {}, {"train.schedule": "step"}),
    ("train.final_share", 0.5, {"train.schedule": "one_cycle"}, {"train.schedule": "cosine"}),
    ("train.schedule", "cosine", {"train.optimizer": "rprop"}, {}),
    ("train.beta1", 0.9, {}, {"train.beta1": 0.5}),
    ("train.epsilon", 1e-8, {}, {"train.epsilon": 1e-2}),
    ("train.epsilon", 1e-6, {"train.optimizer": "adadelta"}, {"train.epsilon": 1e-2}),
    ("train.epsilon", 1e-10, {"train.optimizer": "adagrad"}, {"train.epsilon": 1e-2}),
    ("train.epsilon", 1e-8, {"train.optimizer": "rmsprop"}, {"train.epsilon": 1e-2}),
    (
        "task.curriculum_share",
        0.1,
        {},
        {"task.length_distribution": "curriculum", "task.sequence_length": 40},
    ),
    ("output.target_range", "zero_one", {"task.name": "parity"}, {"task.name": "sum_regression"}),
]
FRAMES = {"task.frame_size": 8, "task.digit_size": 4, "task.sequence_length": 2, "task.prediction_length": 2}


def config_of(settings: dict[str, Any]) -> TrialConfig:
    values: dict[str, Any] = {
        "task": {"name": "adding", "sequence_length": 4, "test_size": 20},
        "model": {"name": "lstm", "hidden_size": 4},
        "output": {},
        "train": {"max_updates": 4, "evaluate_every": 1, "batch_size": 4},
    }
    if settings.get("model.name") == "conv_lstm" or settings.get("task.name") == "moving_mnist":
        settings = {"task.name": "moving_mnist", **FRAMES, **settings}
    for path, value in settings.items():
        group, _, name = path.partition(".")
        values[group][name] = value
    return TrialConfig.model_validate(values)


def trained(config: TrialConfig) -> list[torch.Tensor]:
    """Return the weights after a few updates."""
    torch.manual_seed(0)
    training = Training(config, torch.device("cpu"))
    training.run(0, 4, lambda: False)
    return list(training.model.state_dict().values())


def is_same_training(one: TrialConfig, other: TrialConfig) -> bool:
    first, second = trained(one), trained(other)
    return len(first) == len(second) and all(map(torch.equal, first, second))


@pytest.mark.parametrize(("path", "value", "idle", "active"), CASES)
def test_only_settings_without_effect_are_one_training(
    path: str, value: Any, idle: dict[str, Any], active: dict[str, Any]
) -> None:
    assert can_be_idle(path)
    one, other = config_of(idle), config_of({**idle, path: value})
    assert one != other
    assert canonical(one) == canonical(other)
    assert is_same_training(one, other)
    # Where one value is the default, written out, `active` has another value of the same setting.
    one, other = config_of({**active, path: value}), config_of(active)
    if path in active:
        one, other = config_of({**idle, path: value}), config_of({**idle, **active})
    assert canonical(one) != canonical(other)
    assert not is_same_training(one, other)


def test_a_reason_names_the_setting_that_is_missing() -> None:
    assert "model.depth" in idle_settings(config_of({}))["model.dropout"]
    assert "model.dropout" not in idle_settings(config_of({"model.depth": 2}))


@pytest.mark.parametrize("space", shipped("space"))
def test_shipped_spaces_have_no_such_setting(space: str) -> None:
    file = ["task=array_file", "task.path=a.npz"] if space == "my_data" else []
    request = read_request([f"space={space}", *file])
    # Where the best recipe is looked for, a setting may be free that is idle elsewhere.
    assert request.config.space.goal == "best" or not may_repeat(request.config.space)
    assert settings_without_effect(request.config.space) == []


@pytest.mark.parametrize(
    ("arguments", "notes"),
    [
        ("model.depth=1 model.dropout=0,0.5", ["model.dropout=0,0.5 "]),
        ("model.depth=1,2 model.dropout=0,0.5", []),
        ("model.depth=1 model.dropout=0.5 train.step_count=5", ["model.dropout=0.5 ", "train.step_count=5 "]),
        ("train.step_count=5 train.schedule=constant,step", []),
        ("map.y=model.dropout model.dropout=0,0.5 model.depth=1", ["model.dropout=0,0.5 "]),
    ],
)
def test_they_are_reported_before_a_run(arguments: str, notes: list[str]) -> None:
    found = read_request(["space=smoke", *arguments.split()]).notes
    assert sorted(note[: len(start)] for note, start in zip(sorted(found), notes, strict=True)) == notes
