"""Conformance tests of all pruners, and properties of halving within a cell."""

from typing import Any, get_args

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from failmap.run_folder.records import Purpose
from failmap.search.config import RunConfig
from failmap.search.pruners import BEST_PRUNERS, PRUNERS, Pruner

SPACE: dict[str, Any] = {
    "name": "tiny",
    "map": {"x": "task.sequence_length", "y": "model.depth"},
    "axes": [{"path": "task.sequence_length", "values": [5]}, {"path": "model.depth", "values": [1]}],
    "base": {"task": {"name": "adding"}, "model": {"name": "lstm"}},
}
scores = st.floats(-1, 1)
every_pruner = pytest.mark.parametrize("name", sorted(PRUNERS))


def pruner(name: str, seed: int = 0, **halving: Any) -> Pruner:
    config = {"run": "tiny", "seed": seed, "space": SPACE, "pruner": name, "halving": halving}
    return PRUNERS[name](RunConfig.model_validate(config), optuna.create_study(direction="maximize"))


def trial(
    score: float, *, purpose: Purpose = "explore", exempt: bool = False, update: int = 200
) -> FrozenTrial:
    """A trial with one report, evaluated every 50 updates."""
    return create_trial(
        state=TrialState.RUNNING,
        intermediate_values={update: score},
        user_attrs={"purpose": purpose, "exempt": exempt, "config": {"train": {"evaluate_every": 50}}},
    )


def test_every_pruner_can_be_configured() -> None:
    assert set(PRUNERS) | set(BEST_PRUNERS) == set(get_args(RunConfig.model_fields["pruner"].annotation))


@every_pruner
@given(rivals=st.lists(scores), score=scores, purpose=st.sampled_from(["default", "confirm"]))
def test_default_and_confirming_trials_are_never_stopped(
    name: str, rivals: list[float], score: float, purpose: Purpose
) -> None:
    own = trial(score, purpose=purpose)
    assert not pruner(name).stops(own, [own, *map(trial, rivals)])


@every_pruner
@given(rivals=st.lists(scores), score=scores)
def test_exempt_trial_is_never_stopped(name: str, rivals: list[float], score: float) -> None:
    own = trial(score, exempt=True)
    assert not pruner(name).stops(own, [own, *map(trial, rivals)])


@every_pruner
@given(rivals=st.lists(scores, min_size=1))
def test_best_trial_is_never_stopped(name: str, rivals: list[float]) -> None:
    trials = [trial(score) for score in rivals]
    best = max(trials, key=lambda one: one.intermediate_values[200])
    assert not pruner(name).stops(best, trials)


@every_pruner
@given(seed=st.integers(0, 2**31 - 1), number=st.integers(0, 10**6))
def test_exemption_follows_from_seed_and_number(name: str, seed: int, number: int) -> None:
    assert pruner(name, seed).is_exempt(number) == pruner(name, seed).is_exempt(number)


def test_halving_continues_the_best_share() -> None:
    trials = [trial(score / 9) for score in range(9)]
    stopped = [pruner("halving", factor=3).stops(one, trials) for one in trials]
    assert stopped == [True] * 6 + [False] * 3


def test_halving_continues_ties() -> None:
    trials = [trial(0.0) for _ in range(9)]
    assert not any(pruner("halving").stops(one, trials) for one in trials)


def test_halving_compares_explored_trials_at_the_same_rung() -> None:
    own = trial(0.1)
    others = [trial(0.9, update=600), trial(0.9, purpose="default"), trial(0.9, purpose="confirm")]
    assert not pruner("halving").stops(own, [own, *others])
    assert pruner("halving").stops(own, [own, *others, trial(0.9)])


def test_halving_judges_explored_trials_at_rungs() -> None:
    judge = pruner("halving", first_rung=4, factor=3)
    judged = [update for update in range(1, 2000) if judge.judges_at(trial(0.5), update)]
    assert judged == [4 * 50, 12 * 50, 36 * 50]
    assert not judge.judges_at(trial(0.5, purpose="default"), 200)


def test_exempt_share() -> None:
    """2,000 draws at 0.1 have a standard deviation of 13; the bounds are six of them away."""
    judge = pruner("halving", exempt_share=0.1)
    assert 120 < sum(judge.is_exempt(number) for number in range(2000)) < 280
