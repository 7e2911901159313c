"""Runs of goal=best, built through the real records."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from failmap.analysis.load import Run, load_run
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Outcome, Purpose, Summary, TrialRecord

START = "2026-01-01T00:00:00+00:00"
AXES = (
    {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "default": 3e-3},
    {"path": "model.depth", "values": [1, 2], "default": 1},
)


def trial(
    number: int,
    recipe_index: int,
    objectives: Sequence[float] = (),
    purpose: Purpose = "explore",
    outcome: Outcome | None = "failed",
    recipe: dict[str, Any] | None = None,
    reason: str = "update budget spent",
) -> TrialRecord:
    """A trial's record; an outcome of None: it has not ended."""
    summary = Summary(outcome=outcome, reason=reason, seconds=2.5, objectives=list(objectives))
    return TrialRecord(
        number=number,
        attempt=1,
        config={"seed": number},
        cell={},
        recipe=recipe or {"train.learning_rate": 1e-3 * (recipe_index + 1), "model.depth": 1},
        recipe_index=recipe_index,
        purpose=purpose,
        seed=number,
        started=START,
        ended=None if outcome is None else START,
        summary=None if outcome is None else summary,
    )


MakeBest = Callable[..., Run]


@pytest.fixture
def make_best(tmp_path: Path) -> MakeBest:
    """Makes a run of these trials. Only its configuration lies in its folder."""

    def make(
        trials: Sequence[TrialRecord],
        objective: Sequence[str] = (),
        axes: Sequence[dict[str, Any]] = AXES,
        question: str = "Which LSTM adds best?",
        storage: str = "runs",
        base: dict[str, Any] | None = None,
        importance: str | None = None,
    ) -> Run:
        folder = RunFolder(tmp_path / "runs" / "tuned")
        space = {
            "name": "best_lstm",
            "question": question,
            "goal": "best",
            "objective": list(objective),
            "axes": list(axes),
            "base": base or {"task": {"name": "adding"}},
        }
        folder.path.mkdir(parents=True, exist_ok=True)
        config = {"run": "tuned", "storage": storage, "seed": 0, "space": space}
        folder.config.write_text(yaml.safe_dump(json.loads(json.dumps(config))))
        if importance is not None:
            folder.importance.write_text(importance)
        return replace(load_run(folder), records=tuple(trials))

    return make
