"""Configurations of every compatible pair of task and network."""

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from failmap.datasets.config import TASK_CONFIGS
from failmap.models.config import MODEL_CONFIGS
from failmap.run_folder.parsing import flatten
from failmap.search.trial.config import TrialConfig

MakeTrial = Callable[..., TrialConfig]
Differences = Callable[[TrialConfig, TrialConfig], set[str]]

#: Settings other than the simplest ones, in groups that are valid together.
VARIANTS: tuple[dict[str, dict[str, Any]], ...] = (
    {},
    {"model": {"depth": 3, "dropout": 0.2}},
    {"model": {"depth": 2, "widths": "64-32", "batch_norm": True, "frozen_layers": 2}},
    {"model": {"depth": 2, "residual": True, "layer_norm": True, "initialization": "orthogonal"}},
    {"model": {"depth": 2, "highway": True, "bidirectional": True, "variational_dropout": 0.1}},
    {"model": {"chrono": True, "start_from": "short/3"}},
    {"model": {"forget_bias": 0.0}},
    {"model": {"nonlinearity": "relu", "initialization": "identity"}},
    {"task": {"train_size": 512}, "train": {"batch_size": "full", "optimizer": "adamw"}},
    {"task": {"supervision": "every_step"}, "train": {"schedule": "one_cycle", "warmup_updates": 100}},
    {"task": {"length_distribution": "curriculum"}, "train": {"clip_norm": 0.5, "clip_value": 0.1}},
    {"task": {"normalise": False}},
    {"task": {"target": "forecasting", "sequence_length": 5}},
    {"output": {"activation": "sigmoid"}},
    {"output": {"activation": "sigmoid", "loss": "bce"}},
    {"output": {"activation": "tanh", "loss": "mse"}},
    {"train": {"optimizer": "sgd", "learning_rate": 1e3, "momentum": 0.9, "nesterov": True}},
    {"train": {"optimizer": "rmsprop", "momentum": 0.9, "epsilon": 1e-6, "l2_penalty": 1e-4}},
    {"train": {"max_updates": 100_000_000, "batch_size": 1_000_000, "warmup_updates": 1000}},
    {"train": {"max_updates": 1, "evaluate_every": 1, "batch_size": 1}},
)


@pytest.fixture(scope="session")
def make_trial() -> MakeTrial:
    def make(**groups: dict[str, Any]) -> TrialConfig:
        task, model = (groups.get(group, {}) for group in ("task", "model"))
        named = {"task": {"name": "adding", **task}, "model": {"name": "lstm", **model}}
        return TrialConfig.model_validate({**groups, **named})

    return make


@pytest.fixture(scope="session")
def every_trial(make_trial: MakeTrial) -> list[TrialConfig]:
    """All compatible pairs of task and network, and the variants of adding and of lstm with all others."""
    trials = []
    for task, model, variant in itertools.product(TASK_CONFIGS, MODEL_CONFIGS, VARIANTS):
        if variant and task != "adding" and model != "lstm":
            continue
        names = {"task": {"name": task}, "model": {"name": model}}
        groups = {group: {**names.get(group, {}), **variant.get(group, {})} for group in (*names, *variant)}
        with contextlib.suppress(ValidationError):
            trials.append(make_trial(**groups))
    return trials


@pytest.fixture(scope="session")
def differing_paths() -> Differences:
    """A function that returns the dotted paths in which two configurations differ."""

    def differing(one: TrialConfig, other: TrialConfig) -> set[str]:
        before, after = dict(flatten(one.model_dump())), dict(flatten(other.model_dump()))
        assert before.keys() == after.keys()
        return {path for path in before if before[path] != after[path]}

    return differing
