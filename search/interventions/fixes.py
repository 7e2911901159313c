"""The changes that each fix makes to a trial's configuration."""

from collections.abc import Callable, Mapping

from failmap.analysis.diagnosis.causes import FixName
from failmap.datasets.config import GeneratedTaskConfig
from failmap.models.config import EncoderDecoderConfig, GRUConfig, LSTMConfig, RecurrentConfig
from failmap.search.interventions.plan import (
    Changes,
    effective_changes,
    has_stored_weights,
    new_optimizer,
    rounded,
)
from failmap.search.trial.config import NATURAL_LOSS, TrialConfig

#: Gradient norm of clipping, as in the shipped spaces.
CLIP_NORM = 1.0
#: Factor of a higher or lower learning rate: half a decade, the step of the usual grids.
RATE_FACTOR = 3.0
#: Factors of a larger batch and of more updates.
BATCH_FACTOR, UPDATES_FACTOR = 4, 4
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


def _more_data(config: TrialConfig) -> Changes:
    """Use all data; a generated task draws fresh data in batches of the size of the old training set."""
    train_size = getattr(config.task, "train_size", None)
    is_unlimited = isinstance(config.task, GeneratedTaskConfig) and config.train.batch_size == "full"
    return {"task.train_size": None} | ({"train.batch_size": train_size} if is_unlimited else {})


def _wider(config: TrialConfig) -> Changes:
    model = config.model
    if has_stored_weights(config):
        return {}
    if isinstance(model, RecurrentConfig) and model.widths is not None:
        return {"model.widths": "-".join(str(2 * width) for width in model.layer_widths)}
    return {"model.hidden_size": 2 * model.hidden_size}


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
    "output_head": _output_head,
    # Not by changes alone: it needs a warm start (see rescue_plan).
    "start_shorter": lambda config: {},
    "every_step_labels": _every_step_labels,
    "mixed_lengths": _mixed_lengths,
    "larger_batch": _larger_batch,
    "less_dropout": _less_dropout,
    "more_data": _more_data,
    "standardised_inputs": lambda config: {"task.normalise": True},
    "wider": _wider,
    "unfrozen": lambda config: {"model.frozen_layers": 0},
    "more_updates": lambda config: {"train.max_updates": UPDATES_FACTOR * config.train.max_updates},
    "zero_rate": _zero_rate,
}
