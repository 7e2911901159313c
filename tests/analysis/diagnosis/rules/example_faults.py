"""What shows the faults of people's own examples, for the tests of all rules."""

from typing import Any

CHANCE = 1 / 6

_COPIES = {"to_last": 0.01, "to_target": 1.0, "persistence": 1.0}
_NO_DEPENDENCE = {"p": 0.6, "linear": 0.01, "neighbour": -0.02, "power": 0.1, "examples": 800}

#: Names of rules, and what of a training at chance shows their fault (`build_training`).
EXAMPLE_FAULTS: dict[str, dict[str, Any]] = {
    "validation_in_training": {
        "signals": {"shared_rows": {"share": 0.5, "coverage": 0.9, "rows": 200}},
    },
    "targets_are_inputs": {
        "signals": {"own_input": 1.0, "layers_seen": {"gru": {"kind": "gru", "calls": 1}}},
    },
    "targets_are_later_inputs": {"signals": {"later_input_share": 1.0}},
    "increments_unpredictable": {
        "signals": {"copies_last": _COPIES, "increment_dependence": _NO_DEPENDENCE},
    },
    "copies_last_value": {
        "signals": {
            "copies_last": _COPIES,
            "increment_dependence": {**_NO_DEPENDENCE, "p": 0.02, "linear": 0.8},
        },
    },
    "targets_of_another_row": {
        "signals": {"other_row": {"offset": 1, "other": 0.8, "p": 0.02, "own": 0.01}},
    },
    "targets_of_later_step": {
        "signals": {"later_input": {"lag": 2, "later": 0.95, "earlier": 0.0, "is_input": False}},
    },
    "teacher_forced": {
        "signals": {"teacher_forcing": {"training": 1.0, "validation": 0.1}},
        "train": lambda share: CHANCE * 0.1,
        "validation": lambda share: CHANCE,
    },
    "window_shorter_than_lag": {
        "signals": {
            "before_window": {
                "window_error": 1.0,
                "longer_error": 0.05,
                "lag": 24,
                "window": 8,
                "rows": 400,
            }
        },
    },
    "reads_padding": {
        "signals": {"padding": {"rows": 0.9, "share": 0.5, "lengths": 20, "blank": 0.0, "last_step": 1.0}},
    },
    "one_class_only": {"signals": {"majority_share": 0.95, "predicted_majority_share": 1.0}},
    "labels_independent": {"signals": {"label_dependence": _NO_DEPENDENCE}},
    "labels_shuffled": {"signals": {"label_dependence": _NO_DEPENDENCE}},
}
