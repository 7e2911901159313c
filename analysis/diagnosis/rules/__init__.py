"""All rules in their order. docs/diagnosis.md lists what each reads and its source."""

from failmap.analysis.diagnosis.course import COURSES, CourseName
from failmap.analysis.diagnosis.diagnosis import Rule
from failmap.analysis.diagnosis.rules import (
    axes,
    data,
    examples,
    head,
    labels,
    loop,
    numbers,
    objective,
    outputs,
    progress,
    reach,
    steps,
    units,
    wiring,
)

_Courses = frozenset[CourseName]

#: Rules that observe the fault itself, whatever the curves do.
_ANY: _Courses = frozenset(COURSES)
#: A training that is on its way needs nothing but time.
_ON_THE_WAY: _Courses = frozenset({"on_the_way"})
#: A training that gets nowhere, or too slowly.
_STUCK: _Courses = frozenset(
    {
        "too_short",
        "creeping",
        "jumped_late",
        "fell_back",
        "at_level",
        "worse_than_chance",
        "at_chance",
        "stalled",
    }
)
#: One that does not even improve slowly.
_STILL: _Courses = _STUCK - {"creeping", "jumped_late"}
#: Training is learned, validation is not.
_FITTED: _Courses = frozenset({"fitted"})

#: The first rule that observes something gives the verdict, among those whose courses include the course of
#: the training. Rules that observe the fault itself come first. Of the others, a cause comes before its
#: consequences: too large steps saturate units, and dead units pass no gradient back in time. The confidence
#: of a rule is the share of its verdicts that are right (`benchmarks.diagnosis calibrate`), and 1 for a cause
#: by definition. Rules of watched loops (axes, head, loop, examples) read signals that no recorded training
#: has: their 0.5 is no measurement, but what `calibrate` gives without any.
RULES: tuple[Rule, ...] = (
    Rule(numbers.not_finite, "diverged", 1.0, _ANY, is_certain=True),
    Rule(data.leaks_across_batch, "leak", 0.95, _ANY, is_certain=True),
    Rule(data.leaks_from_future, "leak", 0.93, _ANY, is_certain=True),
    Rule(axes.outputs_broadcast, "axes_mixed", 0.5, _ANY, is_certain=True),
    Rule(axes.batch_axis_mistaken, "axes_mixed", 0.5, _ANY, is_certain=True),
    Rule(axes.reshape_mixes_axes, "axes_mixed", 0.5, _ANY, is_certain=True),
    Rule(head.head_misfits_loss, "unreachable_output", 0.5, _ANY, is_certain=True),
    Rule(head.targets_outside_head, "unreachable_output", 0.5, _ANY, is_certain=True),
    Rule(head.targets_no_probabilities, "unreachable_output", 0.5, _ANY, is_certain=True),
    Rule(loop.gradients_zeroed_early, "training_loop", 0.5, _ANY, is_certain=True),
    Rule(loop.gradients_never_zeroed, "training_loop", 0.5, _ANY, is_certain=True),
    Rule(loop.optimizer_never_steps, "training_loop", 0.5, _ANY, is_certain=True),
    Rule(loop.rate_is_zero, "training_loop", 0.5, _ANY, is_certain=True),
    Rule(loop.everything_frozen, "frozen", 0.5, _ANY, is_certain=True),
    Rule(loop.parameters_not_held, "frozen", 0.5, _ANY, is_certain=True),
    Rule(loop.modules_unregistered, "frozen", 0.5, _ANY, is_certain=True),
    Rule(loop.trains_in_eval_mode, "wrong_mode", 0.5, _ANY, is_certain=True),
    Rule(wiring.missing_gradient, "disconnected", 0.97, _ANY, is_certain=True),
    Rule(wiring.gradient_always_zero, "disconnected", 0.5, _ANY, is_certain=True),
    Rule(wiring.parameters_frozen, "frozen", 0.92, _ANY, is_certain=True),
    Rule(wiring.parameters_unmoved, "frozen", 0.94, _ANY, is_certain=True),
    Rule(outputs.loss_without_end, "unreachable_output", 0.5, _ANY, is_certain=True),
    Rule(objective.loss_below_floor, "labels_or_loss_wrong", 0.8, _ANY, is_certain=True),
    Rule(objective.loss_negative, "labels_or_loss_wrong", 0.5, _ANY, is_certain=True),
    Rule(objective.updates_climb, "labels_or_loss_wrong", 0.85, _ANY, is_certain=True),
    Rule(examples.validation_in_training, "leak", 0.5, _ANY, is_certain=True),
    Rule(examples.targets_are_inputs, "leak", 0.5, _ANY, is_certain=True),
    Rule(examples.targets_are_later_inputs, "leak", 0.5, _ANY, is_certain=True),
    Rule(examples.increments_unpredictable, "not_predictable", 0.5, _ANY - {"left_finite"}, is_certain=True),
    Rule(examples.copies_last_value, "partial_solution", 0.5, _ANY - {"left_finite"}, is_certain=True),
    Rule(steps.loss_leaves_range, "exploding_gradient", 0.86, _STUCK, is_certain=True),
    Rule(outputs.floor_too_high, "unreachable_output", 0.94, _ANY),
    Rule(labels.labels_make_no_difference, "labels_or_loss_wrong", 0.91, _ANY),
    Rule(outputs.training_at_floor, "unreachable_output", 0.5, _STILL | _FITTED),
    Rule(data.inputs_out_of_scale, "input_scale", 0.97, _ANY),
    Rule(wiring.cut_in_time, "disconnected", 0.5, _ANY),
    Rule(outputs.outputs_against_bound, "unreachable_output", 0.86, _STUCK | _FITTED),
    Rule(data.targets_out_of_scale, "target_scale", 0.93, _STUCK),
    Rule(examples.targets_of_another_row, "labels_or_loss_wrong", 0.5, _STUCK | _FITTED),
    Rule(examples.targets_of_later_step, "labels_or_loss_wrong", 0.5, _STUCK | _FITTED),
    Rule(examples.teacher_forced, "teacher_forcing", 0.5, _STUCK | _FITTED),
    Rule(examples.window_shorter_than_lag, "window_too_short", 0.5, _STUCK | _FITTED),
    Rule(progress.nothing_predicts, "not_predictable", 0.94, _ANY - {"left_finite", "too_short"}),
    Rule(data.validation_lies_outside, "distribution_shift", 0.97, _FITTED | _STUCK | _ON_THE_WAY),
    Rule(progress.still_learning, "too_slow", 0.95, _ON_THE_WAY),
    Rule(labels.labels_contradict, "labels_or_loss_wrong", 0.93, _STUCK | _FITTED),
    Rule(objective.learns_what_validation_lacks, "leak", 0.91, _STUCK | _FITTED),
    Rule(loop.layers_not_held, "frozen", 0.5, _STUCK),
    Rule(loop.rate_ended_early, "too_slow", 0.5, _STUCK),
    Rule(loop.validates_in_training_mode, "wrong_mode", 0.5, _STUCK | _FITTED),
    Rule(loop.dropout_off_in_training, "wrong_mode", 0.5, _FITTED),
    Rule(loop.state_of_other_sequences, "state_carried", 0.5, _STUCK | _FITTED, is_certain=True),
    Rule(axes.passes_one_unit, "too_small", 0.5, _STUCK),
    Rule(steps.loss_explodes, "exploding_gradient", 0.83, _STUCK | _FITTED),
    Rule(numbers.states_grow_in_time, "exploding_gradient", 0.9, _STUCK),
    Rule(steps.unclipped_steps_overshoot, "exploding_gradient", 0.88, _STUCK),
    Rule(objective.learns_something_else, "labels_or_loss_wrong", 0.83, _STUCK | _FITTED),
    Rule(wiring.layers_frozen_as_asked, "frozen", 0.93, _ANY),
    Rule(steps.first_steps_overshoot, "oscillating", 0.96, _STUCK),
    Rule(examples.labels_independent, "no_signal", 0.5, _STILL),
    Rule(examples.labels_shuffled, "labels_or_loss_wrong", 0.5, _STILL),
    Rule(loop.recurrence_frozen, "frozen", 0.5, _STUCK),
    Rule(loop.regularised_away, "over_regularised", 0.5, _STUCK),
    Rule(units.units_dead, "dead_units", 0.96, _STUCK),
    Rule(reach.input_fades_in_depth, "vanishing_in_depth", 0.93, _STUCK),
    Rule(units.saturated_from_birth, "saturated", 0.93, _STUCK),
    Rule(examples.reads_padding, "padding", 0.5, _STUCK | _FITTED),
    Rule(examples.one_class_only, "imbalanced", 0.5, _STUCK | _ON_THE_WAY, is_certain=True),
    Rule(steps.cannot_travel, "too_slow", 0.92, _STUCK),
    Rule(steps.loss_jumps, "oscillating", 0.82, _STUCK),
    Rule(steps.validation_jumps, "oscillating", 0.69, _STUCK),
    Rule(labels.training_labels_silent, "labels_or_loss_wrong", 0.92, _STILL | _FITTED),
    Rule(data.memorised_and_worse, "overfit", 0.87, _FITTED),
    Rule(data.memorised_at_chance, "too_little_data", 0.68, _FITTED),
    Rule(data.memorised, "too_little_data", 0.5, _FITTED),
    Rule(data.falls_behind, "overfit", 0.5, _FITTED),
    Rule(progress.network_tiny, "too_small", 0.96, _STUCK),
    Rule(reach.gradient_fades_in_depth, "vanishing_in_depth", 0.5, _STUCK),
    Rule(progress.at_partial_solution, "partial_solution", 0.92, _STUCK),
    Rule(reach.gradient_fades_in_time, "vanishing_in_time", 0.89, _STUCK),
    Rule(numbers.gradient_boundless, "exploding_gradient", 0.74, _STUCK),
    Rule(labels.labels_disagree, "labels_or_loss_wrong", 0.5, _STUCK | _FITTED),
    Rule(objective.loss_climbs, "labels_or_loss_wrong", 0.5, _STUCK),
    Rule(units.units_saturated, "saturated", 0.66, _STUCK),
    Rule(labels.labels_silent, "no_signal", 0.57, _STILL),
    Rule(progress.nearly_solved, "too_slow", 0.88, _STUCK),
    Rule(progress.still_improving, "too_slow", 0.8, _STUCK),
    Rule(numbers.gradient_grows_back_in_time, "exploding_gradient", 0.5, _STUCK),
    Rule(numbers.gradient_spikes, "exploding_gradient", 0.5, _STUCK),
    Rule(wiring.tensors_unmoved, "frozen", 0.5, _STUCK),
    Rule(labels.labels_heard_at_chance, "too_slow", 0.86, _STILL),
    Rule(progress.stands_between, "too_small", 0.47, _STUCK),
    Rule(labels.gradients_without_direction, "no_signal", 0.5, _STILL),
    Rule(labels.labels_may_be_wrong, "labels_or_loss_wrong", 0.5, _STILL),
)
