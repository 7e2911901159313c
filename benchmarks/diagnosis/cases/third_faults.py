"""Faults of the third set that lie in the network, the optimizer, or the code; some are mild."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.third_families import (
    ADDING,
    ALARMS,
    ATTENTION,
    CHIRPS,
    COPYING,
    DECAYS,
    DEEP_LEVELS,
    DEEP_TIDES,
    DELAYS,
    DIGITS,
    ELMAN_RECALL,
    FILTERED,
    LATCHES,
    LEVELS,
    LONG_RECALL,
    MAJORITIES,
    PARITY,
    PULSES,
    RAW_LATCHES,
    RECALL,
    SUMS,
    SWINGS,
    TIDES,
    XOR,
)

_GRADIENTS: list[Case] = [
    *LONG_RECALL.plain(3),
    *LONG_RECALL.configured("vanishing_in_time", "torch's biases", range(3), {"model.chrono": False}),
    *ELMAN_RECALL.plain(3),
    *ELMAN_RECALL.planted("vanishing_in_time", "recurrent_weights_x0.03", range(2)),
    *ELMAN_RECALL.configured(
        "vanishing_in_time", "torch's weights", range(3), {"model.initialization": "torch"}
    ),
    *DEEP_TIDES.configured("vanishing_in_depth", "no residuals", range(3), {"model.residual": False}),
    *DEEP_LEVELS.configured("vanishing_in_depth", "no residuals", range(3), {"model.residual": False}),
    *DELAYS.planted("exploding_gradient", "recurrent_weights_x2", range(2)),
    *COPYING.planted("exploding_gradient", "recurrent_weights_x3", range(2)),
    *MAJORITIES.planted("exploding_gradient", "recurrent_weights_x2", range(2)),
    *MAJORITIES.planted("exploding_gradient", "recurrent_weights_x3", range(2)),
    *DELAYS.configured("diverged", "rate 1000", range(2), {"train.learning_rate": 1000.0}),
    *COPYING.configured("diverged", "rate 1000", range(2), {"train.learning_rate": 1000.0}),
    *MAJORITIES.configured("diverged", "rate 100", range(3), {"train.learning_rate": 100.0}),
    *MAJORITIES.configured("diverged", "rate 1000", range(2), {"train.learning_rate": 1000.0}),
]
_UNITS: list[Case] = [
    *LATCHES.planted("saturated", "weights_x20", range(2)),
    *ADDING.planted("saturated", "weights_x10", range(2)),
    *RECALL.planted("saturated", "gates_shut_by_10", range(2)),
    *ELMAN_RECALL.planted("saturated", "weights_x30", range(2)),
    *DELAYS.planted("dead_units", "biases_minus_3", range(2)),
    *COPYING.planted("dead_units", "biases_minus_5", range(2)),
    *MAJORITIES.planted("dead_units", "biases_minus_3", range(2)),
    *MAJORITIES.planted("dead_units", "biases_minus_10", range(2)),
    *CHIRPS.planted("disconnected", "readout_detached", range(2)),
    *LATCHES.planted("disconnected", "readout_detached", range(2)),
    *DELAYS.planted("disconnected", "readout_detached", range(2)),
    *CHIRPS.configured("frozen", "all layers", range(2), {"model.frozen_layers": 1}),
    *RECALL.planted("frozen", "layers_require_no_grad", range(2)),
    *LATCHES.planted("frozen", "layers_left_out", range(2)),
    *ADDING.planted("frozen", "layers_replaced_late", range(1)),
    *LATCHES.configured("too_small", "1 unit", range(2), {"model.hidden_size": 1}),
    *SUMS.configured("too_small", "1 unit", range(2), {"model.hidden_size": 1}),
    *COPYING.configured("too_small", "3 units", range(2), {"model.hidden_size": 3}),
    *TIDES.configured("too_small", "1 unit", range(2), {"model.hidden_size": 1}),
]
_TARGETS: list[Case] = [
    *LEVELS.configured("unreachable_output", "sigmoid", range(2), {"output.activation": "sigmoid"}),
    *SUMS.configured("unreachable_output", "tanh", range(2), {"output.activation": "tanh"}),
    *SWINGS.planted("unreachable_output", "outputs_through_relu", range(2)),
    *LATCHES.planted("unreachable_output", "outputs_through_softmax", range(2)),
    *CHIRPS.planted("no_signal", "labels_random", range(2)),
    *MAJORITIES.planted("no_signal", "labels_random", range(1)),
    *PARITY.configured(
        "no_signal",
        "9 numbers, label last",
        range(2),
        {"task.supervision": "last", "task.sequence_length": 9},
    ),
    *PULSES.planted("no_signal", "labels_random", range(2)),
    *ALARMS.planted("labels_or_loss_wrong", "labels_one_row_off", range(2)),
    *CHIRPS.planted("labels_or_loss_wrong", "classes_misnumbered", range(2)),
    *LEVELS.planted("labels_or_loss_wrong", "labels_turned", range(2)),
    *DECAYS.planted("labels_or_loss_wrong", "loss_broadcast", range(1)),
    *TIDES.planted("labels_or_loss_wrong", "optimizer_ascends", range(1)),
    *XOR.planted("labels_or_loss_wrong", "loss_negated", range(1)),
    *ADDING.planted("partial_solution", "later_marks_lost", range(3)),
    *ATTENTION.planted("partial_solution", "later_marks_lost", range(3)),
]
_INPUTS: list[Case] = [
    *RAW_LATCHES.plain(3),
    *RAW_LATCHES.configured("input_scale", "not normalised", range(3), {"task.normalise": False}),
    *CHIRPS.planted("input_scale", "inputs_plus_50", range(2)),
    *LEVELS.planted("input_scale", "inputs_x300", range(2)),
    *ALARMS.planted("input_scale", "one_input_x1000", range(2)),
    *LEVELS.planted("leak", "label_in_training_inputs", range(2)),
    *MAJORITIES.planted("leak", "mean_over_batch", range(2)),
    *FILTERED.planted("leak", "read_in_reverse", range(2)),
    *LATCHES.planted("leak", "mean_over_time", range(1)),
    *FILTERED.planted("leak", "recurrence_over_batch", range(1)),
]
_STEPS: list[Case] = [
    *TIDES.configured("oscillating", "rate x200", range(2), {"train.learning_rate": 1.0}),
    *LATCHES.configured("oscillating", "rate x30", range(2), {"train.learning_rate": 0.1}),
    *RECALL.configured("oscillating", "rate x100", range(2), {"train.learning_rate": 0.5}),
    *DIGITS.configured(
        "oscillating", "rate x60", range(1), {"train.learning_rate": 0.3, "train.max_updates": 300}
    ),
    *ADDING.configured("oscillating", "rate x40", range(2), {"train.learning_rate": 0.2}),
]

CODE_FAULTS: list[Case] = [*_GRADIENTS, *_UNITS, *_TARGETS, *_INPUTS, *_STEPS]
