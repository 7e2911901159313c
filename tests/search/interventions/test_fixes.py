"""The changes that fixes make, and where they apply."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from failmap.analysis.diagnosis.causes import FIX_WORDS, REMEDIES, FixName
from failmap.datasets.config import TASK_CONFIGS, ArrayFileConfig
from failmap.models.config import MODEL_CONFIGS
from failmap.search.interventions.fixes import FIXES, changes_of, named_fix
from failmap.search.interventions.plan import apply
from failmap.search.trial.config import TrialConfig

#: Fixes that can be applied more than once.
REPEATABLE = {"lower_rate", "higher_rate", "larger_batch", "wider", "narrower", "more_updates"}
#: Fixes that depend on more than the configuration: on another trial, or on what a check of the data finds.
BY_MORE = {"start_shorter", "lengths", "one_hot"}
#: Fixes that set one key of array files.
SETTING_OF = {"last_value_added": "forecast", "differences": "differences"}
MakeTrial = Callable[..., TrialConfig]

SIGMOID_BCE = {"activation": "sigmoid", "loss": "bce"}


def test_every_fix_has_a_description_and_a_function() -> None:
    assert set(FIXES) == set(FIX_WORDS) == set(get_args(FixName))
    assert {name for ladder in REMEDIES.values() for name in ladder} <= set(FIXES)


def test_trials_cover_every_network_and_task(every_trial: list[TrialConfig]) -> None:
    assert {trial.model.name for trial in every_trial} == set(MODEL_CONFIGS)
    assert {trial.task.name for trial in every_trial} == set(TASK_CONFIGS)


@pytest.mark.parametrize("name", FIXES)
def test_fix_changes_only_its_paths(
    name: FixName, every_trial: list[TrialConfig], differing_paths: Callable[..., set[str]]
) -> None:
    num_applied = 0
    for trial in every_trial:
        changes = changes_of(name, trial)
        assert differing_paths(trial, apply(trial, changes)) == set(changes)
        num_applied += bool(changes)
    is_offered = SETTING_OF.get(name, "path") in ArrayFileConfig.model_fields
    assert (num_applied > 0) == (is_offered and name not in BY_MORE)


@pytest.mark.parametrize("name", sorted(FIXES.keys() - REPEATABLE))
def test_applied_fix_does_not_apply_again(name: FixName, every_trial: list[TrialConfig]) -> None:
    for trial in every_trial:
        if changes := changes_of(name, trial):
            assert not changes_of(name, apply(trial, changes))


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        ("clip", {}, {"train.clip_norm": 1.0}),
        ("clip", {"train": {"clip_norm": 10.0}}, {"train.clip_norm": 1.0}),
        ("clip", {"train": {"clip_norm": 0.5}}, {}),
        ("lower_rate", {}, {"train.learning_rate": 1e-3}),
        ("higher_rate", {}, {"train.learning_rate": 9e-3}),
        ("higher_rate", {"train": {"learning_rate": 1e3}}, {}),
        ("warmup", {}, {"train.warmup_updates": 300}),
        ("warmup", {"train": {"schedule": "one_cycle"}}, {}),
        ("adam", {}, {}),
        ("adam", {"train": {"optimizer": "nadam"}}, {}),
        (
            "adam",
            {"train": {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "learning_rate": 0.1}},
            {
                "train.optimizer": "adam",
                "train.learning_rate": 3e-3,
                "train.momentum": 0.0,
                "train.nesterov": False,
            },
        ),
        ("forget_bias", {}, {"model.forget_bias": 1.0}),
        ("forget_bias", {"model": {"forget_bias": 3.0}}, {}),
        ("forget_bias", {"model": {"chrono": True}}, {}),
        ("forget_bias", {"model": {"name": "gru"}}, {}),
        ("forget_bias", {"model": {"name": "encoder_decoder"}}, {"model.forget_bias": 1.0}),
        ("forget_bias", {"model": {"name": "encoder_decoder", "recurrence": "gru"}}, {}),
        ("chrono", {}, {"model.chrono": True}),
        ("chrono", {"model": {"forget_bias": 1.0}}, {"model.chrono": True, "model.forget_bias": None}),
        ("chrono", {"model": {"name": "rnn"}}, {}),
        ("chrono", {"task": {"sequence_length": 2}}, {}),
        ("chrono", {"model": {"start_from": "short/3"}}, {}),
        ("orthogonal", {}, {"model.initialization": "orthogonal"}),
        ("orthogonal", {"model": {"initialization": "orthogonal"}}, {}),
        ("identity", {}, {}),
        (
            "identity",
            {"model": {"name": "rnn"}},
            {"model.nonlinearity": "relu", "model.initialization": "identity"},
        ),
        ("residual", {}, {}),
        ("residual", {"model": {"depth": 2}}, {"model.residual": True}),
        ("residual", {"model": {"depth": 2, "widths": "64-32"}}, {}),
        ("residual", {"model": {"depth": 2, "highway": True}}, {}),
        ("residual", {"model": {"name": "attention", "depth": 2}}, {}),
        ("layer_norm", {}, {"model.layer_norm": True}),
        ("layer_norm", {"model": {"batch_norm": True}}, {}),
        ("output_head", {}, {}),
        ("output_head", {"output": {"activation": "sigmoid"}}, {"output.activation": "none"}),
        ("output_head", {"task": {"name": "parity"}, "output": SIGMOID_BCE}, {}),
        (
            "output_head",
            {"task": {"name": "delayed_recall"}, "output": {"activation": "tanh", "loss": "mse"}},
            {"output.activation": "none", "output.loss": "cross_entropy"},
        ),
        ("every_step_labels", {}, {"task.supervision": "every_step"}),
        ("every_step_labels", {"model": {"name": "mlp"}}, {}),
        ("every_step_labels", {"task": {"name": "mnist"}}, {}),
        ("every_step_labels", {"task": {"name": "copy_memory"}}, {}),
        ("mixed_lengths", {}, {"task.length_distribution": "uniform"}),
        ("mixed_lengths", {"task": {"train_size": 100}}, {}),
        ("mixed_lengths", {"task": {"length_distribution": "curriculum"}}, {}),
        ("mixed_lengths", {"task": {"sequence_length": 2}}, {}),
        ("larger_batch", {}, {"train.batch_size": 256}),
        ("larger_batch", {"task": {"train_size": 100}, "train": {"batch_size": "full"}}, {}),
        ("less_dropout", {}, {}),
        (
            "less_dropout",
            {"model": {"dropout": 0.5, "variational_dropout": 0.1}},
            {"model.dropout": 0.0, "model.variational_dropout": 0.0},
        ),
        ("less_dropout", {"model": {"name": "mlp", "dropout": 0.5}}, {"model.dropout": 0.0}),
        ("more_data", {}, {}),
        ("more_data", {"task": {"train_size": 100}}, {"task.train_size": None}),
        (
            "more_data",
            {"task": {"train_size": 100}, "train": {"batch_size": "full"}},
            {"task.train_size": None, "train.batch_size": 100},
        ),
        ("standardised_inputs", {}, {}),
        (
            "standardised_inputs",
            {"task": {"name": "array_file", "normalise": False}},
            {"task.normalise": True},
        ),
        ("tanh", {"model": {"name": "rnn", "nonlinearity": "relu"}}, {"model.nonlinearity": "tanh"}),
        ("tanh", {"model": {"name": "rnn"}}, {}),
        ("tanh", {}, {}),
        ("standardised_targets", {}, {"output.target_range": "standardised"}),
        ("standardised_targets", {"output": {"activation": "sigmoid"}}, {}),
        ("standardised_targets", {"output": {"target_range": "zero_one"}}, {}),
        ("standardised_targets", {"task": {"name": "parity"}}, {}),
        (
            "standardised_targets",
            {"task": {"name": "array_file", "target": "regression", "normalise": False}},
            {"output.target_range": "standardised"},
        ),
        ("standardised_targets", {"task": {"name": "array_file", "target": "regression"}}, {}),
        ("last_value_added", {}, {}),
        ("last_value_added", {"task": {"name": "array_file"}}, {}),
        ("differences", {"task": {"name": "array_file", "target": "regression"}}, {"task.differences": True}),
        ("regularised", {}, {"train.optimizer": "adamw", "train.weight_decay": 0.1}),
        (
            "regularised",
            {"model": {"depth": 2}, "train": {"optimizer": "sgd"}},
            {"model.dropout": 0.3, "train.weight_decay": 1e-3},
        ),
        ("regularised", {"train": {"optimizer": "rprop"}}, {}),
        ("regularised", {"train": {"optimizer": "adamw", "weight_decay": 0.5}}, {}),
        ("narrower", {}, {"model.hidden_size": 16}),
        ("narrower", {"model": {"hidden_size": 1}}, {}),
        ("narrower", {"model": {"depth": 2, "widths": "64-32"}}, {"model.widths": "32-16"}),
        ("wider", {}, {"model.hidden_size": 64}),
        ("wider", {"model": {"depth": 2, "widths": "64-32"}}, {"model.widths": "128-64"}),
        ("wider", {"model": {"start_from": "short/3"}}, {}),
        ("unfrozen", {}, {}),
        ("unfrozen", {"model": {"frozen_layers": 1}}, {"model.frozen_layers": 0}),
        ("more_updates", {}, {"train.max_updates": 6000}),
        ("zero_rate", {}, {"train.learning_rate": 1e-12, "train.max_updates": 100}),
        (
            "zero_rate",
            {"train": {"warmup_updates": 500}},
            {"train.learning_rate": 1e-12, "train.max_updates": 100, "train.warmup_updates": 100},
        ),
        ("start_shorter", {}, {}),
    ],
)  # fmt: skip
def test_changes_of_a_fix(
    make_trial: MakeTrial, name: FixName, given: dict[str, dict[str, Any]], changes: dict[str, Any]
) -> None:
    assert changes_of(name, make_trial(**given)) == changes


def test_setting_that_a_check_names_is_a_fix(make_trial: MakeTrial) -> None:
    trial = make_trial(model={"depth": 2}, output={"activation": "sigmoid"})
    assert named_fix("model.residual", True, trial) == ("residual", {"model.residual": True})
    assert named_fix("output.activation", "none", trial) == ("output_head", {"output.activation": "none"})
    assert named_fix("model.depth", 3, trial) is None, "no fix"
    assert named_fix("model.residual", False, trial) is None, "the opposite of a fix"
    assert named_fix("task.one_hot", "day", trial) is None, "this task lacks it"


def test_fix_by_which_chance_could_learn_does_not_apply(make_trial: MakeTrial) -> None:
    trial = make_trial(
        task={"name": "parity", "sequence_length": 20, "test_size": 200},
        train={"max_updates": 50},
        criterion={"score": 0.38},
    )
    assert changes_of("clip", trial)
    assert not changes_of("more_updates", trial)
