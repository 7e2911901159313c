"""The changes that each fix makes to a trial's configuration."""

from collections.abc import Callable, Mapping

from failmap.analysis.diagnosis.causes import FixName
from failmap.datasets.config import ArrayFileConfig, GeneratedTaskConfig
from failmap.models.config import EncoderDecoderConfig, GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig
from failmap.search.interventions.plan import Changes, is_valid, new_optimizer, new_values, rounded
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


def changes_of(name: FixName, config: TrialConfig) -> Changes | None:
    """Return the changes that a fix makes, or None if it does not apply.

    A fix does not apply if the task or network does not support it, if it is in effect already, or if it
    conflicts with another setting.

    Args:
        name: Name of the fix.
        config: Configuration of the trial that failed.
    """
    changes = new_values(config, FIXES[name](config) or {})
    return changes if changes and is_valid(config, changes) else None


def _clip(config: TrialConfig) -> Changes | None:
    norm = config.train.clip_norm
    return None if norm is not None and norm <= CLIP_NORM else {"train.clip_norm": CLIP_NORM}


def _lower_rate(config: TrialConfig) -> Changes:
    return {"train.learning_rate": rounded(config.train.peak_rate / RATE_FACTOR)}


def _higher_rate(config: TrialConfig) -> Changes:
    return {"train.learning_rate": rounded(config.train.peak_rate * RATE_FACTOR)}


def _warmup(config: TrialConfig) -> Changes | None:
    """Not for the one-cycle schedule, which has a warm-up of its own."""
    updates = round(WARMUP_SHARE * config.train.max_updates)
    if config.train.schedule == "one_cycle" or config.train.warmup_updates >= updates:
        return None
    return {"train.warmup_updates": updates}


def _adam(config: TrialConfig) -> Changes | None:
    return None if config.train.optimizer in _ADAMS else new_optimizer(config.train, "adam", ADAM_RATE)


def _forget_bias(config: TrialConfig) -> Changes | None:
    match config.model:
        case LSTMConfig(chrono=False, start_from=None) | EncoderDecoderConfig(recurrence="lstm"):
            bias = config.model.forget_bias
            return None if bias is not None and bias >= FORGET_BIAS else {"model.forget_bias": FORGET_BIAS}
        case _:
            return None


def _chrono(config: TrialConfig) -> Changes | None:
    """Chrono biases are 0 for fewer than 3 steps."""
    num_steps = config.task.num_steps + max(sum(config.task.decoded_steps) - 1, 0)
    match config.model:
        case LSTMConfig(start_from=None) if num_steps >= 3:
            return {"model.chrono": True, "model.forget_bias": None}
        case GRUConfig(start_from=None) if num_steps >= 3:
            return {"model.chrono": True}
        case _:
            return None


def _orthogonal(config: TrialConfig) -> Changes | None:
    if isinstance(config.model, RecurrentConfig) and config.model.start_from is None:
        return {"model.initialization": "orthogonal"}
    return None


def _identity(config: TrialConfig) -> Changes | None:
    """ReLU units with the identity as initial recurrent weights (Le et al. 2015)."""
    if isinstance(config.model, RNNConfig) and config.model.start_from is None:
        return {"model.nonlinearity": "relu", "model.initialization": "identity"}
    return None


def _residual(config: TrialConfig) -> Changes | None:
    """Only layers above the first have residual connections; highway layers have a bypass already."""
    model = config.model
    if isinstance(model, RecurrentConfig) and model.depth >= 2 and not model.highway:
        return {"model.residual": True}
    return None


def _layer_norm(config: TrialConfig) -> Changes | None:
    model = config.model
    is_open = isinstance(model, RecurrentConfig) and not model.batch_norm
    return {"model.layer_norm": True} if is_open else None


def _output_head(config: TrialConfig) -> Changes | None:
    """No activation and the natural loss reach every target; a sigmoid with `bce` is equivalent."""
    output, natural = config.output, NATURAL_LOSS[config.task.target_kind]
    is_same_head = (output.activation, output.loss) == ("sigmoid", "bce") and natural == "bce_with_logits"
    if is_same_head and output.target_range == "task":
        return None
    return {"output.activation": "none", "output.target_range": "task", "output.loss": natural}


def _start_shorter(config: TrialConfig) -> None:
    """Never by changes alone: it needs a warm start (see rescue_plan)."""
    return


def _every_step_labels(config: TrialConfig) -> Changes | None:
    is_generated = isinstance(config.task, GeneratedTaskConfig)
    return {"task.supervision": "every_step"} if is_generated and "step" in config.model.layouts else None


def _mixed_lengths(config: TrialConfig) -> Changes | None:
    """Only for generated data of more than two steps: a training set of fixed size has one length."""
    match config.task:
        case GeneratedTaskConfig(length_distribution="fixed", train_size=None, sequence_length=length):
            return {"task.length_distribution": "uniform"} if length > 2 else None
        case _:
            return None


def _larger_batch(config: TrialConfig) -> Changes | None:
    batch_size = config.train.batch_size
    return None if batch_size == "full" else {"train.batch_size": BATCH_FACTOR * batch_size}


def _less_dropout(config: TrialConfig) -> Changes:
    is_stack = isinstance(config.model, RecurrentConfig)
    return {"model.dropout": 0.0} | ({"model.variational_dropout": 0.0} if is_stack else {})


def _more_data(config: TrialConfig) -> Changes | None:
    """Use all data; a generated task draws fresh data in batches of the size of the old training set."""
    train_size = getattr(config.task, "train_size", None)
    if train_size is None:
        return None
    is_unlimited = isinstance(config.task, GeneratedTaskConfig) and config.train.batch_size == "full"
    return {"task.train_size": None} | ({"train.batch_size": train_size} if is_unlimited else {})


def _standardised_inputs(config: TrialConfig) -> Changes | None:
    return {"task.normalise": True} if isinstance(config.task, ArrayFileConfig) else None


def _wider(config: TrialConfig) -> Changes | None:
    """Not for networks that start from stored weights, whose width is fixed."""
    model = config.model
    if isinstance(model, RecurrentConfig) and model.start_from is not None:
        return None
    if isinstance(model, RecurrentConfig) and model.widths is not None:
        return {"model.widths": "-".join(str(2 * width) for width in model.layer_widths)}
    return {"model.hidden_size": 2 * model.hidden_size}


def _unfrozen(config: TrialConfig) -> Changes | None:
    return {"model.frozen_layers": 0} if isinstance(config.model, RecurrentConfig) else None


def _more_updates(config: TrialConfig) -> Changes:
    return {"train.max_updates": UPDATES_FACTOR * config.train.max_updates}


def _zero_rate(config: TrialConfig) -> Changes:
    """A control: values that are not finite although no weight moves are not due to the step size."""
    train = config.train
    updates = min(train.max_updates, ZERO_RATE_EVALUATIONS * train.evaluate_every)
    return {
        "train.learning_rate": ZERO_RATE,
        "train.max_updates": updates,
        "train.warmup_updates": min(train.warmup_updates, updates),
    }


FIXES: Mapping[FixName, Callable[[TrialConfig], Changes | None]] = {
    "clip": _clip,
    "lower_rate": _lower_rate,
    "higher_rate": _higher_rate,
    "warmup": _warmup,
    "adam": _adam,
    "forget_bias": _forget_bias,
    "chrono": _chrono,
    "orthogonal": _orthogonal,
    "identity": _identity,
    "residual": _residual,
    "layer_norm": _layer_norm,
    "output_head": _output_head,
    "start_shorter": _start_shorter,
    "every_step_labels": _every_step_labels,
    "mixed_lengths": _mixed_lengths,
    "larger_batch": _larger_batch,
    "less_dropout": _less_dropout,
    "more_data": _more_data,
    "standardised_inputs": _standardised_inputs,
    "wider": _wider,
    "unfrozen": _unfrozen,
    "more_updates": _more_updates,
    "zero_rate": _zero_rate,
}
