"""The changes that each fix makes to a trial's configuration."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from failmap.analysis.diagnosis.causes import FixName
from failmap.datasets.config import ArrayFileConfig, GeneratedTaskConfig
from failmap.models.config import EncoderDecoderConfig, GRUConfig, LSTMConfig, RecurrentConfig
from failmap.search.interventions.plan import (
    Changes,
    effective_changes,
    has_stored_weights,
    new_optimizer,
    rounded,
)
from failmap.search.trial.config import NATURAL_LOSS, TrialConfig
from failmap.search.trial.train_config import OPTIMIZERS

#: Gradient norm of clipping, as in the shipped spaces.
CLIP_NORM = 1.0
#: Factor of a higher or lower learning rate: half a decade, the step of the usual grids.
RATE_FACTOR = 3.0
#: Factor of a larger batch.
BATCH_FACTOR = 4
#: Factor of more updates where the pace is not known; where it is, the bounds of that factor, and a margin,
#: since other seeds are slower.
UPDATES_FACTOR, MIN_UPDATES_FACTOR, MAX_UPDATES_FACTOR, PACE_MARGIN = 4, 2, 8, 1.25
#: Dropout, AdamW's weight decay, which is multiplied by the learning rate, and that of other optimizers.
DROPOUT, DECOUPLED_DECAY, DECAY = 0.3, 0.1, 1e-3
#: Settings whose right value depends on the data, which only a check of the data can name: see `named_fix`.
_NAMED_BY_CHECKS: Mapping[str, FixName] = {"task.padding": "lengths", "task.one_hot": "one_hot"}
#: Length of a warm-up as a share of the updates.
WARMUP_SHARE = 0.2
#: Sum of a forget gate's biases (Gers et al. 2000; Jozefowicz et al. 2015).
FORGET_BIAS = 1.0
#: Adam's learning rate in the shipped spaces.
ADAM_RATE = 3e-3
#: Adam and its variants: a change from one of them to Adam has little effect.
_ADAMS = {"adam", "adamax", "adamw", "nadam", "radam"}
#: A learning rate at which weights move by no more than rounding, and the evaluations of such a trial.
ZERO_RATE, ZERO_RATE_EVALUATIONS = 1e-12, 2


def changes_of(name: FixName, config: TrialConfig) -> Changes:
    """Return the changes that a fix makes; none if it does not apply.

    A fix does not apply if the task or network does not support it, if it is in effect already, or if it
    conflicts with another setting.

    Args:
        name: Name of the fix.
        config: Configuration of the trial that failed.
    """
    return effective_changes(config, FIXES[name](config))


def named_fix(path: str, value: Any, config: TrialConfig) -> tuple[FixName, Changes] | None:
    """Return the fix that makes a setting, and all of its changes; None if no fix does, or none is needed.

    Args:
        path: Dotted path of a setting that a check of the configuration names.
        value: The value that it should have.
        config: Configuration of the trial.
    """
    if path in _NAMED_BY_CHECKS:
        changes = effective_changes(config, {path: value})
        return (_NAMED_BY_CHECKS[path], changes) if changes else None
    # The fix that makes the fewest other changes.
    makers = [(name, changes) for name in FIXES if (changes := changes_of(name, config)).get(path) == value]
    return min(makers, key=lambda maker: len(maker[1]), default=None)


def more_updates(config: TrialConfig, updates_needed: float) -> Changes:
    """Return a longer training where the pace of learning is known.

    Args:
        config: Configuration of the trial that failed.
        updates_needed: Updates after which it would meet the criterion, at its pace.
    """
    train = config.train
    wanted = max(MIN_UPDATES_FACTOR * train.max_updates, PACE_MARGIN * updates_needed)
    limited = min(wanted, MAX_UPDATES_FACTOR * train.max_updates)
    # The last evaluation is at the last update, so that none of them is wasted.
    updates = train.evaluate_every * math.ceil(limited / train.evaluate_every)
    return effective_changes(config, {"train.max_updates": updates})


def _clip(config: TrialConfig) -> Changes:
    norm = config.train.clip_norm
    return {} if norm is not None and norm <= CLIP_NORM else {"train.clip_norm": CLIP_NORM}


def _warmup(config: TrialConfig) -> Changes:
    """Not for the one-cycle schedule, which has a warm-up of its own."""
    updates = round(WARMUP_SHARE * config.train.max_updates)
    if config.train.schedule == "one_cycle" or config.train.warmup_updates >= updates:
        return {}
    return {"train.warmup_updates": updates}


def _adam(config: TrialConfig) -> Changes:
    return {} if config.train.optimizer in _ADAMS else new_optimizer(config.train, "adam", ADAM_RATE)


def _forget_bias(config: TrialConfig) -> Changes:
    match config.model:
        case LSTMConfig(start_from=None, forget_bias=bias) | EncoderDecoderConfig(forget_bias=bias):
            return {} if bias is not None and bias >= FORGET_BIAS else {"model.forget_bias": FORGET_BIAS}
        case _:
            return {}


def _chrono(config: TrialConfig) -> Changes:
    """Chrono biases are 0 for fewer than 3 steps."""
    num_steps = config.task.num_steps + max(sum(config.task.decoded_steps) - 1, 0)
    match config.model:
        case LSTMConfig(start_from=None) if num_steps >= 3:
            return {"model.chrono": True, "model.forget_bias": None}
        case GRUConfig(start_from=None) if num_steps >= 3:
            return {"model.chrono": True}
        case _:
            return {}


def _orthogonal(config: TrialConfig) -> Changes:
    return {} if has_stored_weights(config) else {"model.initialization": "orthogonal"}


def _identity(config: TrialConfig) -> Changes:
    """ReLU units with the identity as initial recurrent weights (Le et al. 2015)."""
    relu = {"model.nonlinearity": "relu", "model.initialization": "identity"}
    return {} if has_stored_weights(config) else relu


def _tanh(config: TrialConfig) -> Changes:
    """Only for ReLU units, whose states have no upper bound."""
    is_relu = getattr(config.model, "nonlinearity", None) == "relu"
    return {"model.nonlinearity": "tanh"} if is_relu else {}


def _residual(config: TrialConfig) -> Changes:
    """Only layers above the first have residual connections."""
    return {"model.residual": True} if config.model.depth >= 2 else {}


def _output_head(config: TrialConfig) -> Changes:
    """No activation and the natural loss reach every target; a sigmoid with `bce` is equivalent."""
    output, natural = config.output, NATURAL_LOSS[config.task.target_kind]
    is_same_head = (output.activation, output.loss) == ("sigmoid", "bce") and natural == "bce_with_logits"
    if is_same_head and output.target_range == "task":
        return {}
    return {"output.activation": "none", "output.target_range": "task", "output.loss": natural}


def _standardised_targets(config: TrialConfig) -> Changes:
    """Only for numbers that are trained in the task's own units, and that no activation bounds."""
    task, output = config.task, config.output
    is_raw = output.target_range == "task" and not (isinstance(task, ArrayFileConfig) and task.normalise)
    has_unit_scale = output.activation in ("none", "scaled") and output.loss in ("mse", "huber")
    is_number = task.target_kind == "number"
    return {"output.target_range": "standardised"} if is_number and is_raw and has_unit_scale else {}


def _last_value_added(config: TrialConfig) -> Changes:
    return {"task.forecast": "change"} if getattr(config.task, "target", None) == "forecasting" else {}


def _differences(config: TrialConfig) -> Changes:
    """A forecast of levels cannot be made from differences, so it asks for changes, too."""
    return {"task.differences": True} | _last_value_added(config)


def _every_step_labels(config: TrialConfig) -> Changes:
    is_generated = isinstance(config.task, GeneratedTaskConfig)
    return {"task.supervision": "every_step"} if is_generated else {}


def _mixed_lengths(config: TrialConfig) -> Changes:
    """Only for generated data of more than two steps: a training set of fixed size has one length."""
    match config.task:
        case GeneratedTaskConfig(length_distribution="fixed", sequence_length=length) if length > 2:
            return {"task.length_distribution": "uniform"}
        case _:
            return {}


def _larger_batch(config: TrialConfig) -> Changes:
    batch_size = config.train.batch_size
    return {} if batch_size == "full" else {"train.batch_size": BATCH_FACTOR * batch_size}


def _less_dropout(config: TrialConfig) -> Changes:
    is_stack = isinstance(config.model, RecurrentConfig)
    return {"model.dropout": 0.0} | ({"model.variational_dropout": 0.0} if is_stack else {})


def _regularised(config: TrialConfig) -> Changes:
    """Dropout acts between layers, so one layer gets weight decay only."""
    train, model = config.train, config.model
    changes: Changes = {}
    if model.depth >= 2 and model.dropout < DROPOUT:
        changes["model.dropout"] = DROPOUT
    if train.optimizer in ("adam", "adamw"):
        if train.optimizer == "adam" or (train.weight_decay or 0.0) < DECOUPLED_DECAY:
            changes |= {"train.optimizer": "adamw", "train.weight_decay": DECOUPLED_DECAY}
    elif "weight_decay" in OPTIMIZERS[train.optimizer].settings and (train.weight_decay or 0.0) < DECAY:
        changes["train.weight_decay"] = DECAY
    return changes


def _more_data(config: TrialConfig) -> Changes:
    """Use all data of a file. A generated task draws fresh data, in batches of the training set's size."""
    train_size = getattr(config.task, "train_size", None)
    is_unlimited = isinstance(config.task, GeneratedTaskConfig) and config.train.batch_size == "full"
    return {"task.train_size": None} | ({"train.batch_size": train_size} if is_unlimited else {})


def _with_widths(config: TrialConfig, change: Callable[[int], int]) -> Changes:
    model = config.model
    if has_stored_weights(config):
        return {}
    if isinstance(model, RecurrentConfig) and model.widths is not None:
        return {"model.widths": "-".join(str(change(width)) for width in model.layer_widths)}
    return {"model.hidden_size": change(model.hidden_size)}


def _zero_rate(config: TrialConfig) -> Changes:
    """A control: values that are not finite although no weight moves are not due to the step size."""
    train = config.train
    updates = min(train.max_updates, ZERO_RATE_EVALUATIONS * train.evaluate_every)
    return {
        "train.learning_rate": ZERO_RATE,
        "train.max_updates": updates,
        "train.warmup_updates": min(train.warmup_updates, updates),
    }


FIXES: Mapping[FixName, Callable[[TrialConfig], Changes]] = {
    "clip": _clip,
    "lower_rate": lambda config: {"train.learning_rate": rounded(config.train.peak_rate / RATE_FACTOR)},
    "higher_rate": lambda config: {"train.learning_rate": rounded(config.train.peak_rate * RATE_FACTOR)},
    "warmup": _warmup,
    "adam": _adam,
    "forget_bias": _forget_bias,
    "chrono": _chrono,
    "orthogonal": _orthogonal,
    "identity": _identity,
    "residual": _residual,
    "layer_norm": lambda config: {"model.layer_norm": True},
    "tanh": _tanh,
    "output_head": _output_head,
    "standardised_targets": _standardised_targets,
    # Not by changes alone: it needs a warm start (see rescue_plan).
    "start_shorter": lambda config: {},
    "every_step_labels": _every_step_labels,
    "mixed_lengths": _mixed_lengths,
    "larger_batch": _larger_batch,
    "less_dropout": _less_dropout,
    "regularised": _regularised,
    "narrower": lambda config: _with_widths(config, lambda width: max(1, width // 2)),
    "more_data": _more_data,
    "standardised_inputs": lambda config: {"task.normalise": True},
    "last_value_added": _last_value_added,
    "differences": _differences,
    # Only if a check of the data names them (see `named_fix`).
    "lengths": lambda config: {},
    "one_hot": lambda config: {},
    "wider": lambda config: _with_widths(config, lambda width: 2 * width),
    "unfrozen": lambda config: {"model.frozen_layers": 0},
    "more_updates": lambda config: {"train.max_updates": UPDATES_FACTOR * config.train.max_updates},
    "zero_rate": _zero_rate,
}
