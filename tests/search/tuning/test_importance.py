"""Importance of axes: found where there is any, and nothing claimed where ties leave nothing to say."""

from typing import Any

import numpy as np
import pytest

from failmap.run_folder.records import Summary, TrialRecord
from failmap.search.space import Space
from failmap.search.tuning.importance import importances

SPACE = Space.model_validate(
    {
        "name": "tiny",
        "goal": "best",
        "axes": [
            {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
            {"path": "model.dropout", "low": 0.0, "high": 0.5, "default": 0.0},
            {"path": "train.optimizer", "values": ["adam", "sgd"]},
            {"path": "train.momentum", "values": [0.0, 0.9], "when": {"train.optimizer": "sgd"}},
        ],
        "base": {"task": {"name": "adding"}, "model": {"name": "lstm"}},
    }
)


def records(num: int, value: Any, **changes: Any) -> list[TrialRecord]:
    generator = np.random.default_rng(0)
    found = []
    for number in range(num):
        rate, dropout = 10 ** generator.uniform(-4, -1), generator.uniform(0, 0.5)
        recipe = {
            "train.learning_rate": float(rate),
            "model.dropout": float(dropout),
            "train.optimizer": ("adam", "sgd")[number % 2],
        }
        if number % 2:
            recipe["train.momentum"] = 0.9
        summary = Summary("failed", "", objectives=[float(value(rate, dropout))])
        values = {"purpose": "explore", "summary": summary} | changes
        found.append(
            TrialRecord(number, 1, {}, {}, recipe, number, seed=0, started="", **values),
        )
    return found


@pytest.mark.parametrize("method", ["fanova", "ped_anova"])
def test_the_axis_that_decides_is_the_most_important(method: str) -> None:
    found, notes = importances(SPACE, records(120, lambda rate, _: -abs(np.log10(rate) + 2)), seed=0)
    mine = {one.path: one for one in found if one.method == method}
    assert notes == []
    assert set(mine) == {"train.learning_rate", "model.dropout", "train.optimizer"}, "none with a condition"
    assert sum(one.share for one in mine.values()) == pytest.approx(1)
    rate = mine["train.learning_rate"]
    assert rate.share > 0.7
    assert rate.low > max(one.high for path, one in mine.items() if path != "train.learning_rate")
    assert all(one.low <= one.share <= one.high for one in found)


def test_ped_anova_says_nothing_where_the_best_tenth_ties() -> None:
    """Five of 100 are above chance: the best tenth is made of ties, and its shares would mean nothing."""
    found, notes = importances(SPACE, records(100, lambda rate, _: float(rate > 0.08)), seed=0)
    assert {one.method for one in found} == {"fanova"}
    assert len(notes) == 1


@pytest.mark.parametrize(
    "trials",
    [
        records(19, lambda rate, _: rate),
        records(50, lambda *_: 0.5),
        records(50, lambda rate, _: rate, purpose="confirm"),
    ],
)
def test_too_little_says_nothing(trials: list[TrialRecord]) -> None:
    found, notes = importances(SPACE, trials, seed=0)
    assert (found, len(notes)) == ([], 1)


def test_a_map_is_about_its_scores() -> None:
    space = Space.model_validate(
        {
            **SPACE.model_dump(),
            "goal": "grid",
            "map": {"x": "task.sequence_length", "y": "model.depth"},
            "axes": [
                {"path": "task.sequence_length", "values": [5, 50]},
                {"path": "model.depth", "values": [1, 2]},
                *SPACE.axes[:1],
            ],
        }
    )
    trials = [
        TrialRecord(
            number,
            1,
            {},
            {"task.sequence_length": length, "model.depth": depth},
            {"train.learning_rate": 3e-3},
            0,
            "default",
            number,
            "",
            summary=Summary("failed", "", best_score=1.0 if length == 5 else 0.01 * seed),
        )
        for number, (length, depth, seed) in enumerate(
            (length, depth, seed) for length in (5, 50) for depth in (1, 2) for seed in range(6)
        )
    ]
    found, _ = importances(space, trials, seed=0)
    shares = {one.path: one.share for one in found if one.method == "fanova"}
    assert shares["task.sequence_length"] > 0.9
    assert shares["train.learning_rate"] == 0
