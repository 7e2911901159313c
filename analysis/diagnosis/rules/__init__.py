"""All rules in their order. docs/diagnosis.md lists what each reads and its source."""

from failmap.analysis.diagnosis.diagnosis import Rule
from failmap.analysis.diagnosis.rules import data, labels, numbers, objective, outputs, progress, reach, steps, units, wiring

#: The first rule that observes something gives the verdict. Rules that observe the fault itself come first.
#: Of the others, a cause comes before its consequences: too large steps saturate units, and dead units pass
#: no gradient back in time. The confidence of a rule is the share of its correct verdicts on the tuning half
#: of the benchmark, by Laplace's rule of succession: (right + 1) / (all + 2); 0.5 for a rule without a
#: verdict there, and 1 for a cause by definition.
RULES: tuple[Rule, ...] = (
    Rule(numbers.not_finite, "diverged", 1.0, is_certain=True),
    Rule(data.leaks_across_batch, "leak", 0.93, is_certain=True),
    Rule(data.leaks_from_future, "leak", 0.88, is_certain=True),
    Rule(wiring.missing_gradient, "disconnected", 0.95, is_certain=True),
    Rule(wiring.gradient_always_zero, "disconnected", 0.5, is_certain=True),
    Rule(wiring.parameters_frozen, "frozen", 0.83, is_certain=True),
    Rule(wiring.parameters_unmoved, "frozen", 0.9, is_certain=True),
    Rule(outputs.loss_without_end, "unreachable_output", 0.5, is_certain=True),
    Rule(objective.loss_below_floor, "labels_or_loss_wrong", 0.83, is_certain=True),
    Rule(objective.updates_climb, "labels_or_loss_wrong", 0.83, is_certain=True),
    Rule(outputs.floor_too_high, "unreachable_output", 0.9),
    Rule(labels.labels_make_no_difference, "labels_or_loss_wrong", 0.83),
    Rule(outputs.training_at_floor, "unreachable_output", 0.5),
    Rule(outputs.outputs_against_bound, "unreachable_output", 0.93),
    Rule(data.inputs_out_of_scale, "input_scale", 0.96),
    Rule(labels.labels_contradict, "labels_or_loss_wrong", 0.78),
    Rule(objective.learns_what_validation_lacks, "leak", 0.86),
    Rule(steps.loss_explodes, "exploding_gradient", 0.92),
    Rule(wiring.cut_in_time, "disconnected", 0.5),
    Rule(numbers.states_grow_in_time, "exploding_gradient", 0.83),
    Rule(steps.unclipped_steps_overshoot, "exploding_gradient", 0.86),
    Rule(objective.learns_something_else, "labels_or_loss_wrong", 0.71),
    Rule(wiring.layers_frozen_as_asked, "frozen", 0.9),
    Rule(steps.first_steps_overshoot, "oscillating", 0.95),
    Rule(units.units_dead, "dead_units", 0.94),
    Rule(reach.input_fades_in_depth, "vanishing_in_depth", 0.94),
    Rule(units.saturated_from_birth, "saturated", 0.88),
    Rule(steps.cannot_travel, "too_slow", 0.95),
    Rule(steps.loss_jumps, "oscillating", 0.8),
    Rule(steps.validation_jumps, "oscillating", 0.5),
    Rule(labels.training_labels_silent, "labels_or_loss_wrong", 0.83),
    Rule(data.memorised_and_worse, "overfit", 0.83),
    Rule(data.memorised_at_chance, "too_little_data", 0.92),
    Rule(progress.network_tiny, "too_small", 0.95),
    Rule(reach.gradient_fades_in_depth, "vanishing_in_depth", 0.5),
    Rule(progress.at_partial_solution, "partial_solution", 0.93),
    Rule(reach.gradient_fades_in_time, "vanishing_in_time", 0.89),
    Rule(numbers.gradient_boundless, "exploding_gradient", 0.5),
    Rule(labels.labels_disagree, "labels_or_loss_wrong", 0.5),
    Rule(objective.loss_climbs, "labels_or_loss_wrong", 0.5),
    Rule(units.units_saturated, "saturated", 0.5),
    Rule(labels.labels_silent, "no_signal", 0.74),
    Rule(progress.still_improving, "too_slow", 0.75),
    Rule(numbers.gradient_grows_back_in_time, "exploding_gradient", 0.5),
    Rule(numbers.gradient_spikes, "exploding_gradient", 0.5),
    Rule(wiring.tensors_unmoved, "frozen", 0.5),
    Rule(labels.labels_heard_at_chance, "too_slow", 0.67),
    Rule(progress.stands_between, "too_small", 0.33),
    Rule(labels.labels_may_be_wrong, "labels_or_loss_wrong", 0.5),
)
