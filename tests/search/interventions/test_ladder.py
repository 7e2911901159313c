"""The steps for a failing cell: the applicable fixes of its cause, and a negative control."""

from collections.abc import Callable
from typing import get_args

import pytest

from failmap.analysis.diagnosis import CAUSES, CONTROLS, REMEDIES, Cause
from failmap.search.interventions.ladder import ladder
from failmap.search.interventions.plan import START_SHORTER, Plan, Step, WarmStart
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig

MakeTrial = Callable[..., TrialConfig]


def names(steps: tuple[Step, ...]) -> list[str]:
    return [step.name for step in steps]


def warm_start_of(config: TrialConfig) -> WarmStart:
    return WarmStart(Cell((("task.sequence_length"),)), 0, {}, config, seeds=(0,))


def negative_controls(steps: tuple[Step, ...], cause: Cause) -> list[tuple[str, str]]:
    return [(step.name, step.cause) for step in steps if step.cause != cause]


def test_negative_control_follows_the_first_fix(make_trial: MakeTrial) -> None:
    config = make_trial(model={"depth": 3})
    steps = ladder(config, "vanishing_in_depth", (), None)
    assert names(steps) == [
        "residual",
        "chrono",
        "layer_norm",
        "orthogonal",
        "higher_rate",
        "more_updates",
    ]
    assert negative_controls(steps, "vanishing_in_depth") == [("chrono", "vanishing_in_time")]


def test_time_and_depth_control_each_other(make_trial: MakeTrial) -> None:
    steps = ladder(make_trial(model={"depth": 2}), "vanishing_in_time", ("diverged",), None)
    assert negative_controls(steps, "vanishing_in_time") == [("residual", "vanishing_in_depth")]


def test_other_controls_are_fixes_of_suspected_causes(make_trial: MakeTrial) -> None:
    steps = ladder(make_trial(), "diverged", ("no_signal", "too_slow"), None)
    assert negative_controls(steps, "diverged") == [("mixed_lengths", "no_signal")]


@pytest.mark.parametrize("cause", get_args(Cause))
def test_negative_control_is_no_fix_of_the_cause(make_trial: MakeTrial, cause: Cause) -> None:
    config = make_trial(model={"depth": 2}, train={"optimizer": "sgd"})
    steps = ladder(config, cause, CAUSES, warm_start_of(config))
    expected = 1 if steps and cause != "unknown" else 0
    assert len(negative_controls(steps, cause)) == expected
    for name, rival in negative_controls(steps, cause):
        assert name not in REMEDIES[cause]
        assert name not in CONTROLS
        assert rival != cause


def test_inapplicable_fixes_are_omitted(make_trial: MakeTrial) -> None:
    config = make_trial(model={"name": "mlp"})
    assert set(names(ladder(config, "vanishing_in_time", (), warm_start_of(config)))).isdisjoint(
        {"chrono", "forget_bias", "orthogonal", "identity", START_SHORTER}
    )


def test_cause_without_fix_has_no_steps(make_trial: MakeTrial) -> None:
    assert ladder(make_trial(), "labels_or_loss_wrong", ("diverged",), None) == ()


def test_warm_start_needs_a_shorter_trial(make_trial: MakeTrial) -> None:
    config = make_trial()
    assert START_SHORTER not in names(ladder(config, "no_signal", (), None))
    assert START_SHORTER in names(ladder(config, "no_signal", (), warm_start_of(config)))
    started = make_trial(model={"start_from": "other/3"})
    assert START_SHORTER not in names(ladder(started, "no_signal", (), warm_start_of(config)))


def test_zero_rate_control_takes_one_seed_and_few_updates(make_trial: MakeTrial) -> None:
    *_, control = ladder(make_trial(), "diverged", (), None)
    assert control.name == "zero_rate"
    assert Plan("tiny", (), range(5)).seeds_of(control) == range(1)
    assert control.changes["train.max_updates"] == 2 * make_trial().train.evaluate_every


def test_cost_of_a_step(make_trial: MakeTrial) -> None:
    steps = {step.name: step for step in ladder(make_trial(), "too_slow", (), None)}
    assert steps["more_updates"].cost == pytest.approx(4 * steps["higher_rate"].cost)


def test_named_fixes_come_first_and_one_of_another_cause_is_the_control(make_trial: MakeTrial) -> None:
    config = make_trial(output={"activation": "sigmoid"})
    named = [("output_head", {"output.activation": "none"})]
    steps = ladder(config, "too_slow", (), None, named=named)
    assert names(steps) == ["output_head", "more_updates", "higher_rate"]
    assert negative_controls(steps, "too_slow") == [("output_head", "unreachable_output")]


def test_named_fix_of_the_cause_is_followed_by_a_control(make_trial: MakeTrial) -> None:
    config = make_trial(model={"depth": 3})
    named = [("layer_norm", {"model.layer_norm": True})]
    steps = ladder(config, "vanishing_in_depth", (), None, named=named)
    assert names(steps)[:3] == ["layer_norm", "chrono", "residual"]
    assert negative_controls(steps, "vanishing_in_depth") == [("chrono", "vanishing_in_time")]


@pytest.mark.parametrize(
    ("needed", "updates"),
    [(None, 6000), (1600, 3000), (3200, 4000), (3210, 4050), (1e9, 12_000)],
)
def test_more_updates_follow_the_pace(make_trial: MakeTrial, needed: float | None, updates: int) -> None:
    steps = ladder(make_trial(), "too_slow", (), None, updates_needed=needed)
    assert steps[0].changes == {"train.max_updates": updates}


def test_relu_that_explodes_is_clipped_then_bounded(make_trial: MakeTrial) -> None:
    config = make_trial(model={"name": "rnn", "nonlinearity": "relu"})
    own = [
        step.name for step in ladder(config, "exploding_gradient", (), None) if step.cause != "oscillating"
    ]
    assert own[0] == "clip"
    assert "tanh" in own[:3]
    bounded = make_trial(model={"name": "rnn"})
    assert "tanh" not in names(ladder(bounded, "exploding_gradient", (), None))
