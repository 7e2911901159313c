"""What shows the faults of people's own heads, axes and loops, for the tests of all rules."""

from typing import Any

from tests.analysis.diagnosis.conftest import CHANCE

#: Names of rules, and the signal of a training at chance that shows their fault.
LOOP_FAULTS: dict[str, dict[str, Any]] = {
    "outputs_broadcast": {"signals": {"broadcast_shapes": [[8, 1], [8], [8, 8]]}},
    "batch_axis_mistaken": {
        "signals": {"batch_axis_read": 1, "batch_axis_layer": "rnn", "input_shape": [8, 5, 3]}
    },
    "reshape_mixes_axes": {"signals": {"mixing_view": [[2, 8, 4], [8, 8]]}},
    "head_misfits_loss": {"signals": {"head_misfit": "softmax_over_one"}},
    "targets_outside_head": {"signals": {"targets_outside_head": 0.4, "head_activation": "tanh"}},
    "targets_no_probabilities": {"signals": {"targets_outside_bce": 0.3}},
    "gradients_zeroed_early": {"signals": {"gradient_erased": 1}},
    "gradients_never_zeroed": {"signals": {"gradient_stale": 1}},
    "optimizer_never_steps": {"signals": {"never_stepped": 1}},
    "rate_is_zero": {"signals": {"rate_zero_share": 1.0}},
    "everything_frozen": {"signals": {"all_frozen": 1}},
    "parameters_not_held": {"signals": {"parameters_not_held": ["head.weight"], "last_not_held": 1}},
    "passes_one_unit": {"signals": {"one_unit_before_head": "narrow"}},
    "layers_not_held": {"signals": {"parameters_not_held": ["embedding.weight"], "last_not_held": 0}},
    "trains_in_eval_mode": {"signals": {"trained_in_eval_share": 1.0, "has_batch_norm": 1}},
    "rate_ended_early": {"signals": {"rate_ended_share": 0.8}},
    "validates_in_training_mode": {"signals": {"validated_in_training": 1, "has_batch_norm": 1}},
    "gradients_without_direction": {
        "signals": {"gradient_agreement": lambda share: 0.5 if round(100 * share) % 2 else -0.5}
    },
    "dropout_off_in_training": {
        "train": lambda share: CHANCE * 0.05**share,
        "validation": lambda share: CHANCE,
        "signals": {"eval_to_end_share": 0.8, "largest_dropout": 0.5, "epoch": lambda share: 100 * share},
    },
    "recurrence_frozen": {"signals": {"recurrent_frozen": "lstm"}},
    "modules_unregistered": {"signals": {"unregistered_modules": "cells"}},
    "regularised_away": {"signals": {"largest_dropout": 0.9}},
    "loss_negative": {
        "train": lambda share: -CHANCE * (1 + share),
        "score": lambda share: 0.0,
        "metric": "accuracy",
        "loss_floor": float("nan"),
    },
    "state_of_other_sequences": {"signals": {"state_carried": {"steps": 5, "share": 1.0, "continuity": 1.0}}},
}
#: Those without a threshold.
LOOPS_WITHOUT_LIMIT = {
    "outputs_broadcast",
    "batch_axis_mistaken",
    "reshape_mixes_axes",
    "head_misfits_loss",
    "gradients_zeroed_early",
    "gradients_never_zeroed",
    "optimizer_never_steps",
    "rate_is_zero",
    "everything_frozen",
    "parameters_not_held",
    "layers_not_held",
    "passes_one_unit",
    "recurrence_frozen",
    "modules_unregistered",
    "validates_in_training_mode",
}
