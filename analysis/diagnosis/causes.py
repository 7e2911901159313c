"""Every cause that a verdict may name, and what it means in one line."""

from typing import Literal, get_args

Cause = Literal[
    "none",
    "diverged",
    "exploding_gradient",
    "vanishing_in_time",
    "vanishing_in_depth",
    "saturated",
    "dead_units",
    "disconnected",
    "frozen",
    "unreachable_output",
    "no_signal",
    "labels_or_loss_wrong",
    "input_scale",
    "leak",
    "partial_solution",
    "oscillating",
    "overfit",
    "too_little_data",
    "too_small",
    "too_slow",
    "unknown",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)

CAUSE_WORDS: dict[Cause, str] = {
    "none": "nothing is wrong",
    "diverged": "the loss or a weight became not finite",
    "exploding_gradient": "gradients grow out of bounds and throw the weights about",
    "vanishing_in_time": "the gradient fades before it reaches the steps that matter",
    "vanishing_in_depth": "little of the input, or of the gradient, gets through the layers",
    "saturated": "units or gates stand at their ends, where their gradient is nearly zero",
    "dead_units": "units are zero for every input",
    "disconnected": "a parameter has no gradient: its path to the loss is cut",
    "frozen": "a part has a gradient, or could have one, and does not move",
    "unreachable_output": "range, activation and loss cannot meet: the loss has a floor above zero",
    "no_signal": "the gradient is alive, but the labels carry none of it",
    "labels_or_loss_wrong": "what is trained is not what is measured: labels, or the loss' sign",
    "input_scale": "the inputs are far from zero mean and unit scale",
    "leak": "outputs depend on what they must not know",
    "partial_solution": "stuck at the level of a known part of the task",
    "oscillating": "the loss jumps up and down: the steps are too large",
    "overfit": "the training set is learned better and better, and validation gets worse",
    "too_little_data": "the training set is memorised, and validation never left chance",
    "too_small": "the network cannot hold the task: the loss stands still above what is reachable",
    "too_slow": "still improving at the end of the update budget",
    "unknown": "no rule fits",
}
