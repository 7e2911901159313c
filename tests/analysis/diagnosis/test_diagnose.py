from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.analysis.diagnosis import CAUSES, diagnose
from failmap.run_folder.records import Evaluation, Summary
from tests.analysis.diagnosis.records import record_of

CHANCE = 1 / 6
#: Nothing is known of the labels, as in a watched loop.
UNHEARD = {"label_signal": None, "label_signal_validation": None, "label_agreement": None}
SIGNALS = (
    "gradient_norm",
    "gradient_norm_by_layer",
    "gradient_norm_by_step",
    "gradient_steps",
    "update_ratio_by_layer",
    "weight_norm_by_layer",
    "saturation_by_layer",
    "epoch",
    "learning_rate",
    "losses",
    "gradient_zeros_by_layer",
    "gradient_missing",
    "frozen_parameters",
    "unmoved_parameters",
    "update_alignment",
    "loss_spread",
    "loss_max",
    "loss_first",
    "activation_mean_by_layer",
    "spread_by_layer",
    "dead_units_by_layer",
    "saturated_units_by_layer",
    "gate_mean_by_layer",
    "memory_steps_by_layer",
    "outputs",
    "input_scale",
    "gradient_reach_steps",
    "gradient_share_at_first",
    "state_gradient_by_step",
    "state_gradient_steps",
    "gradient_snr",
    "label_signal",
    "label_signal_validation",
    "label_agreement",
    "label_share",
    "leak_across_batch",
    "leak_from_future",
)

#: More than any probe says: whatever JSON can hold. Sampled, for drawing it piece by piece takes minutes.
anything = st.sampled_from(
    [
        None,
        0.0,
        1.0,
        -1.0,
        1e-12,
        1e300,
        -3,
        10**6,
        True,
        "x",
        [],
        [0.0, 0.5],
        [0.0, 0.0, 0.5],
        [1e9, None, 1e-9],
        {},
        ["layers.0.weight"],
        [3, "x"],
        {"layers.0": 1.0, "layers.1": 1e-9},
        {"layers.0": None},
        {"layers.0": "x"},
        {"layers.0": 0.0, "layers.1": 1.0, "readout": 1e300},
        {"layers.0": {"forget": 0.5}},
        {"least": 0.0, "largest": 1.0},
        {"least": None},
        {"largest_mean": 1e9},
    ]
)
losses = st.sampled_from([None, 0.0, 0.1, CHANCE, 1.0, -5.0, 1e300, -1e300, 1e-300])
scores = st.sampled_from([-1.0, 0.0, 0.5, 0.95, 1.0])
measured = st.tuples(losses, losses, losses, scores, st.lists(anything, min_size=4, max_size=4))


@st.composite
def histories(draw: st.DrawFn) -> list[Evaluation]:
    chosen = draw(st.lists(st.sampled_from(SIGNALS), min_size=4, max_size=4, unique=True))
    return [
        Evaluation(50 * index, float(index), *values, dict(zip(chosen, said, strict=True)))
        for index, (*values, said) in enumerate(draw(st.lists(measured, max_size=9)), start=1)
    ]


summaries = st.builds(
    Summary,
    outcome=st.sampled_from(["learned", "failed", "censored", "errored", None]),
    reason=st.just(""),
    target_score=st.sampled_from([0.0, 0.5, 1.0, float("nan")]),
    metric=st.sampled_from(["accuracy", "mean_squared_error", ""]),
    chance_metric=st.sampled_from([0.0, 0.5, 1.0, float("nan")]),
    chance_loss=st.sampled_from([0.0, 0.2, CHANCE, 5.0, float("nan")]),
    loss_floor=st.sampled_from([0.0, 0.2, CHANCE, 5.0, float("nan")]),
    best_possible_loss=st.sampled_from([0.0, 0.2, CHANCE, 5.0, float("nan")]),
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "task": st.fixed_dictionaries({"name": st.sampled_from(["parity", "moving_mnist"])}),
        "model": st.fixed_dictionaries({"name": st.just("lstm"), "frozen_layers": st.integers(0, 2)}),
        "train": st.fixed_dictionaries({"clip_norm": st.none() | st.just(1.0)}),
    },
)


@settings(max_examples=150, deadline=None)
@given(configs, st.none() | summaries, histories(), st.booleans())
def test_any_training_gets_one_diagnosis(
    config: dict[str, Any], summary: Summary | None, history: list[Evaluation], blind: bool
) -> None:
    record = record_of(config, summary)
    diagnosis = diagnose(record, history, blind=blind)
    assert diagnose(record, history, blind=blind) == diagnosis
    if summary is not None and summary.outcome in ("censored", "errored"):
        assert diagnosis is None
        return
    assert diagnosis is not None
    suspicions = (diagnosis.verdict, *diagnosis.runners_up)
    assert all(suspicion.cause in CAUSES and 0 <= suspicion.confidence <= 1 for suspicion in suspicions)
    assert len({suspicion.cause for suspicion in suspicions}) == len(suspicions)
    if summary is not None and summary.outcome == "learned" and not blind:
        assert diagnosis.cause == "none"
    if summary is not None and summary.outcome == "failed" and not blind:
        assert diagnosis.cause != "none"


@settings(max_examples=150, deadline=None)
@given(summaries, histories())
def test_blind_diagnosis_ignores_outcome_and_criterion(summary: Summary, history: list[Evaluation]) -> None:
    summary = replace(summary, outcome="learned")
    other = replace(
        summary,
        outcome="failed",
        reason="other",
        score=0.3,
        best_score=0.4,
        target_score=0.123,
        target_metric=0.456,
    )
    told = diagnose(record_of({}, summary), history, blind=True)
    assert told == diagnose(record_of({"criterion": {"score": 0.9}}, other), history, blind=True)


def test_older_records_are_diagnosed(make_training: Any) -> None:
    record, history = make_training(first_nonfinite={"tensor": "layers.0.weight_hh_l0", "update": 7})
    old = [replace(one, signals={"learning_rate": 3e-3, "gradient_norm": 0.1}) for one in history]
    diverged = diagnose(record, old)
    assert diverged is not None
    assert (diverged.cause, diverged.verdict.evidence[0].update) == ("diverged", 7)
    assert "layers.0.weight_hh_l0" in diverged.verdict.evidence[0].told

    assert record.summary is not None
    unexplained = diagnose(replace(record, summary=replace(record.summary, first_nonfinite=None)), old)
    assert unexplained is not None
    assert unexplained.cause == "unknown"
    assert unexplained.confidence == 0


def test_running_training_is_healthy_by_default(make_training: Any) -> None:
    """A plateau at chance is no alarm while the labels have a signal."""
    waiting = diagnose(*make_training(None))
    assert waiting is not None
    assert waiting.cause == "none"
    cut_off = diagnose(*make_training(None, signals={"gradient_missing": ["layers.0.bias"]}))
    assert cut_off is not None
    assert cut_off.cause == "disconnected"


@pytest.mark.parametrize(
    ("outcome", "purpose", "loss", "cause"),
    [
        ("failed", "watched", CHANCE, "unknown"),
        (None, "watched", CHANCE, "none"),
        (None, "search", CHANCE, "none"),
        ("failed", "watched", 0.3 * CHANCE, "none"),
    ],
    ids=["watched", "under way", "searched and under way", "away from chance"],
)
def test_a_watched_loop_that_ended_at_chance_is_not_healthy(
    make_training: Any, outcome: Any, purpose: Any, loss: float, cause: str
) -> None:
    record, history = make_training(outcome, train=lambda _: loss, signals=UNHEARD)
    diagnosis = diagnose(replace(record, purpose=purpose), history)
    assert diagnosis is not None
    assert (diagnosis.cause, diagnosis.runners_up) == (cause, ())


def test_training_without_summary_is_diagnosed(make_training: Any) -> None:
    record, history = make_training(None)
    diagnosis = diagnose(replace(record, summary=None), history)
    assert diagnosis is not None
    assert diagnosis.cause == "none"


def test_fault_comes_before_its_consequences(make_training: Any) -> None:
    """A cut path leaves the labels without effect and the gradient fading: the cut is the cause."""
    diagnosis = diagnose(
        *make_training(
            signals={
                "gradient_missing": ["layers.0.weight_hh_l0"],
                "gradient_share_at_first": 1e-12,
                "label_signal": 0.0,
                "label_signal_validation": 0.0,
            }
        )
    )
    assert diagnosis is not None
    assert diagnosis.cause == "disconnected"
    assert "vanishing_in_time" in [suspicion.cause for suspicion in diagnosis.runners_up]


def test_leak_of_a_learned_trial_is_a_runner_up(make_training: Any) -> None:
    diagnosis = diagnose(
        *make_training("learned", train=lambda share: CHANCE * 0.02**share, signals={"leak_from_future": 0.4})
    )
    assert diagnosis is not None
    assert diagnosis.cause == "none"
    assert [suspicion.cause for suspicion in diagnosis.runners_up] == ["leak"]


@pytest.mark.parametrize("outcome", ["censored", "errored"])
def test_censored_and_errored_have_no_diagnosis(outcome: str, make_training: Any) -> None:
    assert diagnose(*make_training(outcome)) is None


def test_evidence_is_a_sentence(make_training: Any) -> None:
    diagnosis = diagnose(*make_training(signals={"gradient_share_at_first": 3e-9, "gradient_reach_steps": 2}))
    assert diagnosis is not None
    assert diagnosis.cause == "vanishing_in_time"
    for part in ("3e-09", "2 of 5 steps", "update 1000"):
        assert part in diagnosis.verdict.evidence[0].told


@pytest.mark.parametrize(("late", "cause"), [(0.1, "vanishing_in_time"), (0.6, "unknown")])
def test_a_loop_that_ignores_its_last_steps_does_not_vanish(
    make_training: Any, late: float, cause: str
) -> None:
    """Every untrained LSTM has a small gradient at the first step of a long sequence."""
    signals = {
        "gradient_share_at_first": 1e-7,
        "late_dependence": {"p": 0.02, "linear": 0.0, "neighbour": late, "power": 0.1, "examples": 600},
        **UNHEARD,
    }
    record, history = make_training("failed", signals=signals)
    diagnosis = diagnose(replace(record, purpose="watched"), history)
    assert diagnosis is not None
    assert diagnosis.cause == cause


@pytest.mark.parametrize(("share", "cause"), [(1e-3, "frozen"), (1e-18, "unknown")])
def test_a_gradient_of_nothing_is_no_frozen_part(make_training: Any, share: float, cause: str) -> None:
    signals = {
        "update_ratio_by_layer": {"embedding": 0.0, "lstm": 1e-3},
        "gradient_norm_by_layer": {"embedding": 0.1 * share, "lstm": 0.1},
        **UNHEARD,
    }
    record, history = make_training("failed", signals=signals)
    diagnosis = diagnose(replace(record, purpose="watched"), history)
    assert diagnosis is not None
    assert diagnosis.cause == cause
