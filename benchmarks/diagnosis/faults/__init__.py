"""Faults in code: common bugs, planted into a session before its first update.

A fault changes the task's batches, the network, the loss, or the optimizer. Names of modules and parameters
do not change, so that a record does not reveal the fault.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.diagnosis.faults import batches, network, optimization
from failmap.search.trial.session import TrialSession

#: All faults by name.
FAULTS: dict[str, Callable[[TrialSession], None]] = {
    "labels_shuffled": batches.shuffle_training_labels,
    "labels_one_row_off": batches.shift_training_labels,
    "labels_turned": batches.turn_training_labels,
    "classes_misnumbered": batches.misnumber_training_classes,
    "labels_random": batches.shuffle_all_labels,
    "inputs_x100": partial(batches.scale_inputs, factor=100.0),
    "inputs_x300": partial(batches.scale_inputs, factor=300.0),
    "inputs_x1000": partial(batches.scale_inputs, factor=1000.0),
    "inputs_plus_50": partial(batches.shift_inputs, offset=50.0),
    "inputs_plus_300": partial(batches.shift_inputs, offset=300.0),
    "inputs_minus_100": partial(batches.shift_inputs, offset=-100.0),
    "one_input_x1000": partial(batches.scale_one_feature, factor=1000.0),
    "label_in_training_inputs": batches.show_training_labels,
    "later_marks_lost": batches.lose_later_marks,
    "readout_detached": network.detach_readout,
    "recurrence_over_batch": network.recur_over_batch,
    "mean_over_batch": network.average_over_batch,
    "mean_over_time": network.average_over_time,
    "read_in_reverse": network.read_in_reverse,
    "outputs_through_sigmoid": partial(network.activate_outputs, function="sigmoid"),
    "outputs_through_tanh": partial(network.activate_outputs, function="tanh"),
    "outputs_through_relu": partial(network.activate_outputs, function="relu"),
    "outputs_through_softmax": partial(network.activate_outputs, function="softmax"),
    "weights_x10": partial(network.enlarge_weights, factor=10.0),
    "weights_x20": partial(network.enlarge_weights, factor=20.0),
    "weights_x30": partial(network.enlarge_weights, factor=30.0),
    "recurrent_weights_x2": partial(network.scale_recurrent_weights, factor=2.0),
    "recurrent_weights_x3": partial(network.scale_recurrent_weights, factor=3.0),
    "recurrent_weights_x0.03": partial(network.scale_recurrent_weights, factor=0.03),
    "recurrent_weights_x0.1": partial(network.scale_recurrent_weights, factor=0.1),
    "gates_shut_by_10": partial(network.shut_gates, bias=-10.0),
    "biases_minus_3": partial(network.sink_biases, bias=-3.0),
    "biases_minus_5": partial(network.sink_biases, bias=-5.0),
    "biases_minus_10": partial(network.sink_biases, bias=-10.0),
    "optimizer_ascends": optimization.ascend,
    "loss_negated": optimization.negate_loss,
    "loss_broadcast": optimization.broadcast_loss,
    "layers_require_no_grad": optimization.freeze_layers,
    "layers_left_out": optimization.leave_layers_out,
    "layers_replaced_late": optimization.replace_layers_late,
}
