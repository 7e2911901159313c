"""What each fix sets in a trial's configuration. Knows no torch."""

from collections.abc import Callable, Mapping

from failmap.analysis.diagnosis.causes import FixName
from failmap.datasets.config import ArrayFileConfig, GeneratedTaskConfig
from failmap.models.config import EncoderDecoderConfig, GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig
from failmap.search.interventions.plan import Changes, fits, new_optimizer, only_new, tidy
from failmap.search.trial.config import NATURAL_LOSS, TrialConfig

#: The gradient norm that clipping leaves at most: what the shipped spaces train with.
CLIP_NORM = 1.0
#: What a learning rate is multiplied or divided by: half a decade, the step of the usual grids.
RATE_FACTOR = 3.0
#: What a batch and an update budget are multiplied by.
BATCH_FACTOR, UPDATES_FACTOR = 4, 4
#: Share of the update budget that a warm-up takes.
WARMUP_SHARE = 0.2
#: What a forget gate's biases add up to (Gers et al. 2000; Jozefowicz et al. 2015).
FORGET_BIAS = 1.0
#: Adam's learning rate in the shipped spaces.
ADAM_RATE = 3e-3
#: Its own variants: to change from one of them to Adam changes little.
_ADAMS = {"adam", "adamax", "adamw", "nadam", "radam"}
#: A rate at which no weight moves by more than rounding, and evaluations that are made with it.
ZERO_RATE, ZERO_RATE_EVALUATIONS = 1e-12, 2


def changes_of(name: FixName, config: TrialConfig) -> Changes | None:
    """What a fix sets, by dotted path; only what is not so already.

    Args:
        name: of the fix.
        config: of the trial that failed.

    Returns:
        None where it does not apply to this task and network, is there already, or fits no other setting.
    """
    changes = only_new(config, FIXES[name](config) or {})
    return changes if changes and fits(config, changes) else None


def _clip(config: TrialConfig) -> Changes | None:
    norm = config.train.clip_norm
    return None if norm is not None and norm <= CLIP_NORM else {"train.clip_norm": CLIP_NORM}


def _lower_rate(config: TrialConfig) -> Changes:
    return {"train.learning_rate": tidy(config.train.peak_rate / RATE_FACTOR)}


def _higher_rate(config: TrialConfig) -> Changes:
    return {"train.learning_rate": tidy(config.train.peak_rate * RATE_FACTOR)}


def _warmup(config: TrialConfig) -> Changes | None:
    """One cycle has a rise of its own."""
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
    """Below 3 steps chrono biases are 0."""
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
    """Le et al. (2015): ReLU units, recurrent weights that begin as the identity."""
    if isinstance(config.model, RNNConfig) and config.model.start_from is None:
        return {"model.nonlinearity": "relu", "model.initialization": "identity"}
    return None


def _residual(config: TrialConfig) -> Changes | None:
    """Layers above the first are bypassed, and highway ones are already; widths must be the same."""
    model = config.model
    if isinstance(model, RecurrentConfig) and model.depth >= 2 and not model.highway:
        return {"model.residual": True}
    return None


def _layer_norm(config: TrialConfig) -> Changes | None:
    model = config.model
    is_open = isinstance(model, RecurrentConfig) and not model.batch_norm
    return {"model.layer_norm": True} if is_open else None


def _output_head(config: TrialConfig) -> Changes | None:
    """No activation and the natural loss reach every target; a sigmoid before `bce` is the same head."""
    output, natural = config.output, NATURAL_LOSS[config.task.target_kind]
    is_same_head = (output.activation, output.loss) == ("sigmoid", "bce") and natural == "bce_with_logits"
    if is_same_head and output.target_range == "task":
        return None
    return {"output.activation": "none", "output.target_range": "task", "output.loss": natural}


def _start_shorter(config: TrialConfig) -> None:
    """It takes a trial of its own, which learns the shorter length first: the engine's affair."""
    return


def _every_step_labels(config: TrialConfig) -> Changes | None:
    is_drawn = isinstance(config.task, GeneratedTaskConfig)
    return {"task.supervision": "every_step"} if is_drawn and "step" in config.model.layouts else None


def _mixed_lengths(config: TrialConfig) -> Changes | None:
    """A training set of a given size has one length, and two steps leave nothing to mix."""
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
    """All the data there are; fresh ones where a formula draws them, then in batches as large as before."""
    train_size = getattr(config.task, "train_size", None)
    if train_size is None:
        return None
    is_without_end = isinstance(config.task, GeneratedTaskConfig) and config.train.batch_size == "full"
    return {"task.train_size": None} | ({"train.batch_size": train_size} if is_without_end else {})


def _standardised_inputs(config: TrialConfig) -> Changes | None:
    return {"task.normalise": True} if isinstance(config.task, ArrayFileConfig) else None


def _wider(config: TrialConfig) -> Changes | None:
    """Stored weights that a network starts from have the width that they have."""
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
    """What is not finite although no weight moves is no matter of the step's size."""
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
