import math
from pathlib import Path
from typing import Any

import pytest

from failmap.analysis.diagnosis import CAUSES, Diagnosis, Suspicion, diagnose
from failmap.analysis.diagnosis.course import COURSES, course
from failmap.analysis.diagnosis.diagnosis import Rule
from failmap.analysis.diagnosis.rules import RULES
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.records import Evaluation, TrialRecord
from tests.analysis.diagnosis.rules.example_faults import EXAMPLE_FAULTS
from tests.analysis.diagnosis.rules.loop_faults import LOOP_FAULTS, LOOPS_WITHOUT_LIMIT

CHANCE = 1 / 6

#: Names of rules, and what of a healthy-looking training at chance shows their fault.
FAULTS: dict[str, dict[str, Any]] = {
    "not_finite": {"train": lambda share: None if share > 0.5 else CHANCE},
    "missing_gradient": {"signals": {"gradient_missing": ["layers.0.recurrence.weight_hh_l0"]}},
    "gradient_always_zero": {
        "signals": {"gradient_zeros_by_layer": {"layers.0": 1.0, "layers.1": 0.0, "readout": 0.0}}
    },
    "cut_in_time": {"signals": {"gradient_norm_by_step": [0.0, 0.0, 0.0, 0.0, 0.4]}},
    "parameters_frozen": {"signals": {"frozen_parameters": ["layers.0.recurrence.weight_ih_l0"]}},
    "parameters_unmoved": {
        "signals": {"update_ratio_by_layer": {"layers.0": 0.0, "layers.1": 1e-3, "readout": 1e-3}}
    },
    "tensors_unmoved": {"signals": {"unmoved_parameters": ["readout.bias"]}},
    "layers_frozen_as_asked": {"config": {"model": {"frozen_layers": 2}}},
    "leaks_across_batch": {"signals": {"leak_across_batch": 0.3}},
    "leaks_from_future": {"signals": {"leak_from_future": 0.3}},
    "floor_too_high": {"loss_floor": 0.6 * CHANCE},
    "training_at_floor": {
        "loss_floor": 0.3 * CHANCE,
        "train": lambda share: CHANCE * 0.31,
        "target_score": 0.5,
    },
    "loss_without_end": {
        "train": lambda share: 1 - 9 * share,
        "score": lambda share: 0.0,
        "config": {"output": {"loss": "bce_with_logits"}},
        "loss_floor": float("nan"),
        "best_possible_loss": float("nan"),
    },
    "outputs_against_bound": {
        "signals": {"outputs": {"least": 0.2, "largest": 0.9999, "mean": 0.6, "spread": 0.1}}
    },
    "updates_climb": {"signals": {"update_alignment": -0.6}, "train": lambda share: CHANCE * (2 + share)},
    "loss_below_floor": {"train": lambda share: CHANCE - share},
    "labels_contradict": {"signals": {"label_agreement": -0.8}},
    "training_labels_silent": {"signals": {"label_signal": 0.01, "label_agreement": 0.0}},
    "labels_may_be_wrong": {
        "signals": {"label_signal": 0.02, "label_signal_validation": 0.01, "label_agreement": 0.0}
    },
    "labels_heard_at_chance": {},
    "labels_make_no_difference": {
        "signals": {
            "label_share": 1e-7,
            "label_signal": 0.0,
            "label_signal_validation": 0.0,
            "label_agreement": 0.0,
        }
    },
    "labels_disagree": {"signals": {"label_agreement": 0.0}},
    "learns_something_else": {
        "train": lambda share: CHANCE * (1 - 0.8 * share),
        "validation": lambda share: CHANCE * (1 + share),
    },
    "learns_what_validation_lacks": {
        "train": lambda share: CHANCE * (1 - 0.8 * share),
        "validation": lambda share: CHANCE,
        "signals": {"label_signal": 0.9, "label_signal_validation": 0.1},
    },
    "loss_climbs": {"train": lambda share: CHANCE * (1 + 5 * share)},
    "labels_silent": {
        "signals": {"label_signal": 0.02, "label_signal_validation": 0.01, "label_agreement": 0.0}
    },
    "inputs_out_of_scale": {
        "signals": {
            "input_scale": {
                "largest_mean": 80.0,
                "largest_spread": 70.0,
                "least_spread": 70.0,
                "largest": 255.0,
            }
        }
    },
    "units_dead": {"signals": {"dead_units_by_layer": {"layers.0": 0.9, "layers.1": 0.1}}},
    "saturated_from_birth": {
        "signals": {"saturation_by_layer": {"layers.0": {"input": 0.9, "forget": 0.1, "output": 0.8}}}
    },
    "units_saturated": {"signals": {"saturated_units_by_layer": {"layers.0": 0.8, "layers.1": 0.0}}},
    "gradient_grows_back_in_time": {"signals": {"gradient_share_at_first": 5e3, "gradient_norm": 2.0}},
    "states_grow_in_time": {
        "signals": {"gradient_share_at_first": 5e3},
        "config": {"model": {"name": "rnn", "nonlinearity": "relu"}},
    },
    "gradient_spikes": {"signals": {"gradient_norm": lambda share: 90.0 if share == 0.5 else 0.1}},
    "gradient_boundless": {"signals": {"gradient_norm": 5e3}},
    "loss_leaves_range": {
        "signals": {"loss_max": lambda share: 1e9 if share < 0.2 else CHANCE, "loss_first": CHANCE}
    },
    "loss_explodes": {"signals": {"loss_max": lambda share: 1e6 if share < 0.2 else CHANCE}},
    "first_steps_overshoot": {"signals": {"loss_first": 0.2, "loss_max": 3.0}},
    "unclipped_steps_overshoot": {
        "signals": {"loss_first": 0.2, "loss_max": 3.0, "gradient_norm": 40.0},
        "config": {"train": {"optimizer": "sgd"}},
    },
    "gradient_fades_in_time": {"signals": {"gradient_share_at_first": 1e-9, "gradient_reach_steps": 2}},
    "input_fades_in_depth": {"signals": {"spread_by_layer": {"layers.0": 0.1, "layers.1": 1e-5}}},
    "gradient_fades_in_depth": {
        "signals": {"gradient_norm_by_layer": {"layers.0": 1e-5, "layers.1": 1e-3, "layers.2": 0.1}}
    },
    "memorised_and_worse": {
        "train": lambda share: CHANCE * 0.05**share,
        "validation": lambda share: CHANCE * (0.5 + abs(share - 0.4)),
        "signals": {"epoch": lambda share: 100 * share},
    },
    "memorised_at_chance": {
        "train": lambda share: CHANCE * 0.05**share,
        "validation": lambda share: CHANCE * (1 + share),
        "signals": {"epoch": lambda share: 100 * share},
    },
    "at_partial_solution": {"train": lambda share: CHANCE / 2},
    "loss_jumps": {"signals": {"loss_spread": CHANCE}},
    "validation_jumps": {"train": lambda share: CHANCE * (1 + 0.5 * (round(share * 20) % 2))},
    "targets_out_of_scale": {"target_mean": 5e5, "target_deviation": 3e4},
    "still_learning": {"train": lambda share: CHANCE * math.exp(-2 * share)},
    "validation_lies_outside": {
        "train": lambda share: CHANCE * math.exp(-4 * share),
        "validation": lambda share: CHANCE * (1 + share),
        "signals": {"epoch": lambda share: 100 * share},
        "target_shift": 0.9,
        "mean_shift": 3.0,
    },
    "nothing_predicts": {
        "train": lambda share: CHANCE * 0.1,
        "baseline_errors": {"repeats the last value": 0.1 * CHANCE, "predicts linearly": 0.1 * CHANCE},
        "target_metric": 0.05 * CHANCE,
    },
    "cannot_travel": {
        "signals": {"update_ratio_by_layer": {"layers.0": 1e-5, "layers.1": 1e-5, "readout": 1e-4}}
    },
    "nearly_solved": {
        "train": lambda share: CHANCE * 0.07,
        "score": lambda share: 0.96 if round(share * 20) == 18 else 0.93,
    },
    "still_improving": {"train": lambda share: CHANCE * (1 - 0.4 * share)},
    "stands_between": {"train": lambda share: CHANCE * 0.3},
    "network_tiny": {"train": lambda share: CHANCE * 0.7, "config": {"model": {"hidden_size": 2}}},
}


#: Rules without a threshold: they detect what is not finite, missing, exactly zero, or configured.
WITHOUT_LIMIT = {
    "not_finite",
    "missing_gradient",
    "gradient_always_zero",
    "parameters_frozen",
    "parameters_unmoved",
    "cut_in_time",
    "layers_frozen_as_asked",
    "tensors_unmoved",
    "labels_silent",
    "labels_heard_at_chance",
    "labels_may_be_wrong",
}


FAULTS |= EXAMPLE_FAULTS | LOOP_FAULTS
WITHOUT_LIMIT |= LOOPS_WITHOUT_LIMIT
FAULTS["memorised"] = FAULTS["falls_behind"] = FAULTS["memorised_and_worse"]


def test_every_rule_has_a_fault() -> None:
    assert set(FAULTS) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_detects_its_fault_only(rule: Any, make_training: Any) -> None:
    suspicion = suspicion_of(rule, *make_training(**FAULTS[rule.name]), is_blind=False)
    assert suspicion is not None
    assert (suspicion.rule, suspicion.cause) == (rule.name, rule.cause)
    assert all(evidence.told for evidence in suspicion.evidence)
    assert all(limit.holds for evidence in suspicion.evidence for limit in evidence.limits)
    assert suspicion.evidence[0].limits or rule.name in WITHOUT_LIMIT

    healthy = make_training("learned", train=lambda share: CHANCE * 0.02**share)
    assert suspicion_of(rule, *healthy, is_blind=True) is None


def suspicion_of(
    rule: Rule, record: TrialRecord, history: list[Evaluation], *, is_blind: bool
) -> Suspicion | None:
    curves = TrainingCurves(record, history, is_blind=is_blind)
    return rule.suspicion(curves, course(curves).name)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_is_silent_outside_its_courses(rule: Rule, make_training: Any) -> None:
    record, history = make_training(**FAULTS[rule.name])
    curves = TrainingCurves(record, history, is_blind=False)
    assert rule.courses <= set(COURSES)
    for name in COURSES:
        assert (rule.suspicion(curves, name) is None) == (name not in rule.courses)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_fault_is_among_the_suspicions(rule: Any, make_training: Any) -> None:
    diagnosis = diagnose(*make_training(**FAULTS[rule.name]))
    assert diagnosis is not None
    assert rule.cause in causes(diagnosis)


def test_rule_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def causes(diagnosis: Diagnosis) -> list[str]:
    return [suspicion.cause for suspicion in (diagnosis.verdict, *diagnosis.runners_up)]


def test_guide_lists_rules_and_causes() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    rows = [f"| `{rule.name}`{' *' if rule.is_certain else ''} | `{rule.cause}` |" for rule in RULES]
    assert all(row in guide for row in rows)
    assert sorted(rows, key=guide.index) == rows
    for cause in CAUSES:
        assert f"| `{cause}` |" in guide


def verdict(record: TrialRecord, history: list[Evaluation]) -> str:
    diagnosis = diagnose(record, history)
    assert diagnosis is not None
    return diagnosis.cause


def test_chrono_gates_are_not_saturated(make_training: Any) -> None:
    gates = {"saturation_by_layer": {"layers.0": {"input": 0.9, "forget": 0.9, "output": 0.1}}}
    assert verdict(*make_training(signals=gates, config={"model": {"chrono": True}})) != "saturated"
    shut = {"saturation_by_layer": {"layers.0": {"input": 0.9, "forget": 0.1, "output": 0.9}}}
    assert verdict(*make_training(signals=shut)) == "saturated"


def test_first_epoch_is_not_memorised(make_training: Any) -> None:
    """Classes have other numbers in validation: training learns before any sequence is repeated."""
    course = {
        "train": lambda share: CHANCE * 0.05**share,
        "validation": lambda share: CHANCE * (1 + 2 * share),
    }
    assert (
        verdict(*make_training(**course, signals={"epoch": lambda share: 3 * share}))
        == "labels_or_loss_wrong"
    )
    assert (
        verdict(*make_training(**course, signals={"epoch": lambda share: 500 * share})) == "too_little_data"
    )


def test_running_training_is_not_silent(make_training: Any) -> None:
    """Parity of three bits is at chance for a thousand updates and then jumps."""
    silent = {"label_signal": 0.02, "label_signal_validation": 0.01, "label_agreement": 0.0}
    assert verdict(*make_training("failed", signals=silent)) == "no_signal"
    assert verdict(*make_training(None, signals=silent)) == "none"


def test_small_batches_are_not_shuffled_labels(make_training: Any) -> None:
    shuffled = {"label_signal": 0.01, "label_agreement": 0.0}
    assert verdict(*make_training(signals=shuffled)) == "labels_or_loss_wrong"
    assert (
        verdict(*make_training(signals=shuffled, config={"train": {"batch_size": 4}}))
        != "labels_or_loss_wrong"
    )


def test_consequence_comes_after_its_cause(make_training: Any) -> None:
    """Steps that are too large saturate units, and no gradient gets back through them."""
    diagnosis = diagnose(
        *make_training(
            signals={
                "loss_first": 0.2,
                "loss_max": 4.0,
                "saturation_by_layer": {"layers.0": {"input": 0.9, "forget": 0.9, "output": 0.9}},
                "gradient_share_at_first": 1e-12,
            }
        )
    )
    assert diagnosis is not None
    assert causes(diagnosis)[:3] == ["oscillating", "saturated", "vanishing_in_time"]


SGD = {"train": {"optimizer": "sgd"}}


def test_units_killed_by_an_unclipped_step(make_training: Any) -> None:
    dying = {"dead_units_by_layer": lambda share: {"layers.0": min(1.0, 0.5 + share)}}
    dead = {"dead_units_by_layer": {"layers.0": 0.9}}
    clipped = {"train": {"optimizer": "sgd", "clip_norm": 1.0}}
    assert verdict(*make_training(signals=dying, config=SGD)) == "exploding_gradient"
    assert verdict(*make_training(signals=dead, config=SGD)) == "dead_units"
    assert verdict(*make_training(signals=dying, config=clipped)) == "dead_units"


def test_loss_wall_at_any_time(make_training: Any) -> None:
    wall = {"loss_max": lambda share: 5 * CHANCE if share == 0.5 else CHANCE}
    assert verdict(*make_training(signals=wall, config=SGD)) == "exploding_gradient"


def test_dead_layer_is_not_disconnected(make_training: Any) -> None:
    zeros = {"gradient_zeros_by_layer": {"layers.0": 1.0, "layers.1": 0.0, "readout": 0.0}}
    dead = {"dead_units_by_layer": {"layers.0": 0.9, "layers.1": 0.0}}
    constant = {"spread_by_layer": {"layers.0": 0.0, "layers.1": 0.0}}
    assert verdict(*make_training(signals=zeros)) == "disconnected"
    assert verdict(*make_training(signals=zeros | dead)) == "dead_units"
    assert verdict(*make_training(signals=zeros | constant)) != "disconnected"


def test_gates_saturated_by_large_steps(make_training: Any) -> None:
    shut = {"saturation_by_layer": {"layers.0": {"input": 0.9, "forget": 0.1, "output": 0.9}}}
    steps = {"update_ratio_by_layer": {"layers.0": 0.02, "layers.1": 0.02, "readout": 0.02}}
    assert verdict(*make_training(signals=shut)) == "saturated"
    assert verdict(*make_training(signals=shut | steps | {"loss_spread": CHANCE})) == "oscillating"


def test_small_batch_is_no_overshoot(make_training: Any) -> None:
    rise = {"loss_first": CHANCE, "loss_max": 2.5 * CHANCE}
    assert verdict(*make_training(signals=rise)) == "oscillating"
    assert verdict(*make_training(signals=rise, config={"train": {"batch_size": 4}})) != "oscillating"


def test_depth_excludes_the_decoder(make_training: Any) -> None:
    decoded = {"spread_by_layer": {"encoder.0": 0.1, "decoders.0.0": 1e-4}}
    deep = {"spread_by_layer": {"layers.0": 0.1, "layers.1": 0.04, "layers.2": 0.02, "layers.3": 0.008}}
    assert verdict(*make_training(signals=decoded)) != "vanishing_in_depth"
    assert verdict(*make_training(signals=deep)) == "vanishing_in_depth"


def test_short_initial_reach_vanishes_in_time(make_training: Any) -> None:
    lifted = {"gradient_share_at_first": lambda share: 1e-7 if share < 0.2 else 2e-3}
    assert verdict(*make_training(signals=lifted)) == "vanishing_in_time"


def test_gradient_that_reaches_back_for_most_of_the_training_has_not_vanished(make_training: Any) -> None:
    """What the default map once called vanishing in time: 0.8 of the gradient was left at the end."""
    lifted = {"gradient_share_at_first": lambda share: 1e-7 if share < 0.2 else 0.8}
    assert verdict(*make_training(signals=lifted)) != "vanishing_in_time"


def test_training_on_its_way_is_too_slow_whatever_its_signals(make_training: Any) -> None:
    fading = {"gradient_share_at_first": 1e-9, "label_agreement": -0.8, "loss_spread": 9 * CHANCE}
    rising = {"train": lambda share: CHANCE / (1 + math.exp(12 * (share - 0.8)))}
    diagnosis = diagnose(*make_training(signals=fading, **rising))
    assert diagnosis is not None
    assert (diagnosis.cause, diagnosis.verdict.rule) == ("too_slow", "still_learning")
    assert diagnosis.verdict.evidence[0].values["updates_needed"] > 1000


def test_few_examples_memorised_with_small_updates_are_not_too_slow(make_training: Any) -> None:
    """Updates become small because the training loss is at its floor."""
    diagnosis = diagnose(
        *make_training(
            train=lambda share: CHANCE * 1e-4,
            validation=lambda share: CHANCE * (14 + 8 * share),
            score=lambda share: 0.5,
            signals={
                "epoch": lambda share: 2000 * share,
                "update_ratio_by_layer": {"layers.0": 1e-6, "layers.1": 1e-6, "readout": 1e-6},
            },
        )
    )
    assert diagnosis is not None
    assert diagnosis.cause in ("overfit", "too_little_data")


def test_trend_outside_training_is_no_fault_of_the_labels(make_training: Any) -> None:
    """Following the labels of training leads away from those of a validation set that lies elsewhere."""
    shifted = {**FAULTS["validation_lies_outside"]}
    shifted["signals"] = {**shifted["signals"], "label_agreement": -0.6}
    assert verdict(*make_training(**shifted)) == "distribution_shift"


def test_share_outside_the_range_of_a_tiny_set_is_no_shift(make_training: Any) -> None:
    """Of 16 training values, two of 17 new ones lie outside on average."""
    tiny = {**FAULTS["validation_lies_outside"], "mean_shift": 0.1, "target_shift": 0.15}
    tiny["signals"] = {"epoch": lambda share: 64 * 1000 * share / 16}
    assert verdict(*make_training(**tiny)) in ("overfit", "too_little_data")


def test_loss_falling_to_chance_is_too_slow(make_training: Any) -> None:
    silent = {"label_signal": 0.02, "label_signal_validation": 0.01, "label_agreement": 0.0}
    falling = make_training(train=lambda share: CHANCE * (3 - 1.8 * share), signals=silent)
    assert verdict(*falling) == "too_slow"
