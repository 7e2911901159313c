"""Early stopping by rank of own training functions, whose reports come at updates of their own."""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from failmap.search.config import RunConfig
from failmap.search.pruners import PRUNERS

CONFIG = RunConfig.model_validate(
    {
        "run": "own",
        "space": {
            "name": "own",
            "map": {"x": "a", "y": "b"},
            "axes": [{"path": "a", "values": [1]}, {"path": "b", "values": [1]}],
            "base": {"own": {"function": "f:train", "score": 1.0}, "settings": {}},
        },
        "pruner": "halving",
        "halving": {"factor": 2, "first_rung": 2},
    }
)


def trial(values: Mapping[int, float], purpose: str = "explore", **more: Any) -> FrozenTrial:
    """Return a trial with scores by update."""
    config = CONFIG.space.trial_config(next(iter(CONFIG.space.cells())), {}, 0)
    attributes = {"purpose": purpose, "exempt": False, "config": config.model_dump(mode="json"), **more}
    return create_trial(
        state=TrialState.RUNNING,
        params={"a": 1},
        distributions={"a": IntDistribution(1, 1)},
        user_attrs=attributes,
        intermediate_values=dict(values),
    )


def test_trials_are_compared_after_as_many_reports() -> None:
    pruner = PRUNERS["halving"](CONFIG, optuna.create_study())
    weak, strong = trial({3: 0.9, 7: 0.1}), trial({10: 0.0, 20: 0.5})
    assert pruner.judges_at(weak, 7)
    assert pruner.stops(weak, [weak, strong])
    assert not pruner.stops(strong, [weak, strong])


def test_trial_between_rungs_exempt_or_of_the_default_recipe_is_not_stopped() -> None:
    pruner = PRUNERS["halving"](CONFIG, optuna.create_study())
    strong = trial(dict.fromkeys((1, 2, 3, 4), 0.9))
    for scores, more in (
        ({1: 0.1}, {}),
        ({1: 0.1, 2: 0.1, 3: 0.1}, {}),
        ({1: 0.1, 2: 0.1}, {"exempt": True}),
        ({1: 0.1, 2: 0.1}, {"purpose": "default"}),
    ):
        one = trial(scores, **more)
        assert not pruner.stops(one, [one, strong])
    fourth = trial({1: 0.1, 2: 0.1, 3: 0.1, 4: 0.1})
    assert pruner.stops(fourth, [fourth, strong])
    assert not pruner.judges_at(trial({}, purpose="default"), 5)
