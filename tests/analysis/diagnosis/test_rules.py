"""Each rule sees its fault, and nothing in a healthy training."""

from typing import Any

import pytest

from analysis.diagnosis import Diagnosis, diagnose
from analysis.diagnosis.course import Course
from analysis.diagnosis.rules import RULES

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
    "gradient_grows_back_in_time": {"signals": {"gradient_share_at_first": 5e3}},
    "gradient_spikes": {"signals": {"gradient_norm": lambda share: 90.0 if share == 0.5 else 0.1}},
    "gradient_boundless": {"signals": {"gradient_norm": 5e3}},
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
    "cannot_travel": {
        "signals": {"update_ratio_by_layer": {"layers.0": 1e-5, "layers.1": 1e-5, "readout": 1e-4}}
    },
    "still_improving": {"train": lambda share: CHANCE * (1 - 0.4 * share)},
    "stands_between": {"train": lambda share: CHANCE * 0.3},
    "network_tiny": {"train": lambda share: CHANCE * 0.7, "config": {"model": {"hidden_size": 2}}},
}


def test_every_rule_has_a_fault_that_shows_it() -> None:
    assert set(FAULTS) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_sees_its_fault_and_nothing_in_a_healthy_training(rule: Any, make_training: Any) -> None:
    record, history = make_training(**FAULTS[rule.name])
    suspicion = rule.suspicion(Course(record, history, is_blind=False))
    assert suspicion is not None
    assert (suspicion.rule, suspicion.cause) == (rule.name, rule.cause)
    assert all(evidence.told for evidence in suspicion.evidence)

    record, history = make_training("learned", train=lambda share: CHANCE * 0.02**share)
    assert rule.suspicion(Course(record, history, is_blind=True)) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_fault_is_the_verdict_or_among_its_runners_up(rule: Any, make_training: Any) -> None:
    diagnosis = diagnose(*make_training(**FAULTS[rule.name]))
    assert diagnosis is not None
    assert rule.cause in causes(diagnosis)


def test_names_of_rules_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def causes(diagnosis: Diagnosis) -> list[str]:
    return [suspicion.cause for suspicion in (diagnosis.verdict, *diagnosis.runners_up)]
