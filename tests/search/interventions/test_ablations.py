"""The ablations of a trial that learned."""

from collections.abc import Callable

import pytest

from failmap.search.interventions.ablations import removable_settings
from failmap.search.interventions.plan import apply
from failmap.search.trial.config import TrialConfig

MakeTrial = Callable[..., TrialConfig]


def test_ablation_changes_only_its_paths(
    every_trial: list[TrialConfig], differing_paths: Callable[..., set[str]]
) -> None:
    for trial in every_trial:
        for changes in removable_settings(trial).values():
            assert differing_paths(trial, apply(trial, changes)) == set(changes) != set()


def test_simplest_recipe_loses_only_sizes_and_rates(make_trial: MakeTrial) -> None:
    assert removable_settings(make_trial()) == {
        "half the width": {"model.hidden_size": 16},
        "a quarter of the batch": {"train.batch_size": 16},
        "SGD at a learning rate of 0.1": {"train.optimizer": "sgd", "train.learning_rate": 0.1},
        "three times the learning rate": {"train.learning_rate": 9e-3},
        "a third of the learning rate": {"train.learning_rate": 1e-3},
    }


def test_settings_are_removed_one_at_a_time(make_trial: MakeTrial) -> None:
    found = removable_settings(
        make_trial(
            task={"name": "parity", "supervision": "every_step", "length_distribution": "uniform"},
            model={"depth": 2, "layer_norm": True, "residual": True, "forget_bias": 1.0},
            train={"clip_norm": 1.0, "schedule": "cosine", "warmup_updates": 100, "batch_size": 2},
        )
    )
    assert found["a label at the last step only"] == {"task.supervision": "last"}
    assert found["one length"] == {"task.length_distribution": "fixed"}
    assert found["one layer less"] == {"model.depth": 1}
    assert found["no layer norm"] == {"model.layer_norm": False}
    assert found["no residual connections"] == {"model.residual": False}
    assert found["no forget bias"] == {"model.forget_bias": None}
    assert found["no gradient clipping"] == {"train.clip_norm": None}
    assert found["a constant learning rate"] == {"train.schedule": "constant"}
    assert found["no warm-up"] == {"train.warmup_updates": 0}
    assert found["a quarter of the batch"] == {"train.batch_size": 1}


def test_widths_lose_the_top_layer_or_half_of_each(make_trial: MakeTrial) -> None:
    found = removable_settings(make_trial(model={"depth": 3, "widths": "64-32-1"}))
    assert found["one layer less"] == {"model.depth": 2, "model.widths": "64-32"}
    assert found["half the width"] == {"model.widths": "32-16-1"}


def test_momentum_is_removed_with_nesterov(make_trial: MakeTrial) -> None:
    found = removable_settings(make_trial(train={"optimizer": "sgd", "momentum": 0.9, "nesterov": True}))
    assert found["no momentum"] == {"train.momentum": 0.0, "train.nesterov": False}
    assert not any(name.startswith("SGD") for name in found)


def test_sgd_drops_the_decoupled_decay_of_adamw(make_trial: MakeTrial) -> None:
    sgd = removable_settings(make_trial(train={"optimizer": "adamw", "beta1": 0.8}))[
        "SGD at a learning rate of 0.1"
    ]
    assert sgd == {
        "train.optimizer": "sgd",
        "train.learning_rate": 0.1,
        "train.beta1": None,
        "train.weight_decay": 0.0,
    }


@pytest.mark.parametrize("model", ["mlp", "attention", "conv_lstm"])
def test_other_networks_lose_width_and_dropout(make_trial: MakeTrial, model: str) -> None:
    task = "moving_mnist" if model == "conv_lstm" else "adding"
    trial = make_trial(task={"name": task}, model={"name": model, "dropout": 0.1})
    assert {"half the width", "no dropout"} <= removable_settings(trial).keys()


def test_stored_weights_keep_their_width(make_trial: MakeTrial) -> None:
    found = removable_settings(make_trial(model={"start_from": "short/3"}))
    assert "half the width" not in found
    assert found["no start from another network"] == {"model.start_from": None}
