"""Which fixes are tried against which cause, by name; `search.interventions.fixes` knows what they change."""

from typing import Literal

from failmap.analysis.diagnosis.causes import Cause

FixName = Literal[
    "clip",
    "lower_rate",
    "higher_rate",
    "warmup",
    "adam",
    "forget_bias",
    "chrono",
    "orthogonal",
    "identity",
    "residual",
    "layer_norm",
    "output_head",
    "start_shorter",
    "every_step_labels",
    "mixed_lengths",
    "larger_batch",
    "less_dropout",
    "more_data",
    "standardised_inputs",
    "wider",
    "unfrozen",
    "more_updates",
    "zero_rate",
]

FIX_WORDS: dict[FixName, str] = {
    "clip": "gradient clipping",
    "lower_rate": "a third of the learning rate",
    "higher_rate": "three times the learning rate",
    "warmup": "a warm-up of the learning rate",
    "adam": "Adam",
    "forget_bias": "a forget bias of 1",
    "chrono": "chrono biases",
    "orthogonal": "orthogonal weights",
    "identity": "ReLU units that begin as the identity",
    "residual": "residual connections",
    "layer_norm": "layer norm",
    "output_head": "another output head",
    "start_shorter": "a start from the network that learned a shorter length",
    "every_step_labels": "a label at every step",
    "mixed_lengths": "mixed lengths",
    "larger_batch": "four times the batch",
    "less_dropout": "no dropout",
    "more_data": "fresh data",
    "standardised_inputs": "standardised inputs",
    "wider": "twice the width",
    "unfrozen": "no frozen layer",
    "more_updates": "four times the updates",
    "zero_rate": "a learning rate of nearly zero",
}

#: Fixes that change what is asked, or only tell causes apart: their success explains, and mends nothing.
CONTROLS: frozenset[FixName] = frozenset({"every_step_labels", "zero_rate"})

#: The ladder of each cause, what is likeliest to help first.
REMEDIES: dict[Cause, tuple[FixName, ...]] = {
    "none": (),
    "diverged": ("lower_rate", "clip", "warmup", "zero_rate"),
    "exploding_gradient": ("clip", "lower_rate", "warmup", "orthogonal", "layer_norm"),
    "vanishing_in_time": (
        "chrono",
        "forget_bias",
        "orthogonal",
        "identity",
        "mixed_lengths",
        "start_shorter",
        "every_step_labels",
        "more_updates",
    ),
    "vanishing_in_depth": ("residual", "layer_norm", "orthogonal", "higher_rate", "more_updates"),
    "saturated": ("lower_rate", "layer_norm", "orthogonal", "clip"),
    "dead_units": ("lower_rate", "layer_norm", "clip"),
    "disconnected": (),
    "frozen": ("unfrozen",),
    "unreachable_output": ("output_head",),
    "no_signal": ("every_step_labels", "mixed_lengths", "start_shorter", "larger_batch", "more_updates"),
    "labels_or_loss_wrong": (),
    "input_scale": ("standardised_inputs", "layer_norm", "lower_rate"),
    "leak": (),
    "partial_solution": ("more_updates", "higher_rate", "chrono", "larger_batch", "mixed_lengths"),
    "oscillating": ("lower_rate", "warmup", "clip", "larger_batch"),
    "overfit": ("more_data", "less_dropout"),
    "too_little_data": ("more_data",),
    "too_small": ("wider", "more_updates"),
    "too_slow": ("more_updates", "higher_rate", "adam", "less_dropout"),
    "unknown": (
        "more_updates",
        "lower_rate",
        "higher_rate",
        "residual",
        "layer_norm",
        "chrono",
        "every_step_labels",
    ),
}
