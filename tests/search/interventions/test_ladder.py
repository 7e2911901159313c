"""The steps of a cell that fails: the fixes of its cause that apply, and a fix of another cause."""

from collections.abc import Callable
from typing import get_args

import pytest

from failmap.analysis.diagnosis import CAUSES, CONTROLS, REMEDIES, Cause
from failmap.search.interventions.plan import START_SHORTER, Donor, Step
from failmap.search.interventions.rescue_plan import ladder
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig

MakeTrial = Callable[..., TrialConfig]


def names(steps: tuple[Step, ...]) -> list[str]:
    return [step.name for step in steps]


def donor_of(config: TrialConfig) -> Donor:
    return Donor(Cell((("task.sequence_length", 5),)), 0, {}, config, seeds=(0,))


def foils(steps: tuple[Step, ...], cause: Cause) -> list[tuple[str, str]]:
    return [(step.name, step.cause) for step in steps if step.cause != cause]


def test_fixes_stand_in_order_and_the_foil_behind_the_first(make_trial: MakeTrial) -> None:
    config = make_trial(model={"depth": 3})
    steps = ladder(config, "vanishing_in_depth", (), None, 5)
    assert names(steps) == [
        "residual",
        "chrono",
        "layer_norm",
        "orthogonal",
        "higher_rate",
        "more_updates",
    ]
    assert foils(steps, "vanishing_in_depth") == [("chrono", "vanishing_in_time")]


def test_time_and_depth_are_each_other_s_foils_whatever_else_is_suspected(make_trial: MakeTrial) -> None:
    steps = ladder(make_trial(model={"depth": 2}), "vanishing_in_time", ("diverged",), None, 5)
    assert foils(steps, "vanishing_in_time") == [("residual", "vanishing_in_depth")]


def test_elsewhere_the_foil_is_a_fix_of_what_was_suspected_too(make_trial: MakeTrial) -> None:
    steps = ladder(make_trial(), "diverged", ("no_signal", "too_slow"), None, 5)
    assert foils(steps, "diverged") == [("mixed_lengths", "no_signal")]


@pytest.mark.parametrize("cause", get_args(Cause))
def test_a_foil_is_no_fix_of_the_cause_and_no_control(make_trial: MakeTrial, cause: Cause) -> None:
    config = make_trial(model={"depth": 2}, train={"optimizer": "sgd"})
    steps = ladder(config, cause, CAUSES, donor_of(config), 5)
    wanted = 1 if steps and cause != "unknown" else 0
    assert len(foils(steps, cause)) == wanted
    for name, rival in foils(steps, cause):
        assert name not in REMEDIES[cause]
        assert name not in CONTROLS
        assert rival != cause


def test_what_does_not_apply_is_left_out(make_trial: MakeTrial) -> None:
    config = make_trial(model={"name": "mlp"})
    assert set(names(ladder(config, "vanishing_in_time", (), donor_of(config), 5))).isdisjoint(
        {"chrono", "forget_bias", "orthogonal", "identity", START_SHORTER}
    )


def test_what_has_no_fix_is_not_tried(make_trial: MakeTrial) -> None:
    assert ladder(make_trial(), "labels_or_loss_wrong", ("diverged",), None, 5) == ()


def test_only_what_has_a_shorter_network_starts_from_it(make_trial: MakeTrial) -> None:
    config = make_trial()
    assert START_SHORTER not in names(ladder(config, "no_signal", (), None, 5))
    assert START_SHORTER in names(ladder(config, "no_signal", (), donor_of(config), 5))
    started = make_trial(model={"start_from": "other/3"})
    assert START_SHORTER not in names(ladder(started, "no_signal", (), donor_of(config), 5))


def test_the_control_of_what_is_not_finite_takes_one_seed_and_few_updates(make_trial: MakeTrial) -> None:
    *_, control = ladder(make_trial(), "diverged", (), None, 5)
    assert (control.name, control.num_seeds) == ("zero_rate", 1)
    assert control.changes["train.max_updates"] == 2 * make_trial().train.evaluate_every


def test_a_step_costs_what_its_trials_do(make_trial: MakeTrial) -> None:
    steps = {step.name: step for step in ladder(make_trial(), "too_slow", (), None, 5)}
    assert steps["more_updates"].cost == pytest.approx(4 * steps["higher_rate"].cost)
