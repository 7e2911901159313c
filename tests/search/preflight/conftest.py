"""Trials under check, made from their settings."""

from collections.abc import Callable
from typing import Any

import pytest

from failmap.search.preflight.check import Subject
from failmap.search.trial.config import TrialConfig

MakeSubject = Callable[..., Subject]


@pytest.fixture
def make_subject() -> MakeSubject:
    """Make an LSTM on parity of 3 steps with other settings: make_subject(model={"depth": 2})."""

    def make(**groups: dict[str, Any]) -> Subject:
        task = {"name": "parity", "sequence_length": 3, **groups.pop("task", {})}
        model = {"name": "lstm", **groups.pop("model", {})}
        return Subject(TrialConfig.model_validate({"task": task, "model": model, **groups}))

    return make
