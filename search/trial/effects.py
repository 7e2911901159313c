"""Settings that change nothing in a trial, and trials that are the same training under other settings.

A setting is listed only if the code never reads it, or computes the same numbers whatever it says: dropout
between the layers of a network that has one, the steps of a schedule that is constant. No torch is imported.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from failmap.datasets.config import TaskConfig
from failmap.models.config import NetworkConfig
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.train_config import BETAS, OPTIMIZERS, TrainConfig

#: Settings by name, each with the reason why it has no effect.
Idle = Iterator[tuple[str, str]]

#: torch's default of epsilon, which most optimizers share.
_EPSILON, _EPSILONS = 1e-8, {"adadelta": 1e-6, "adagrad": 1e-10}
#: Schedules that read each setting.
_SCHEDULES = {
    "final_share": ("step", "exponential", "cosine", "plateau"),
    "step_count": ("step",),
    "plateau_factor": ("plateau",),
    "plateau_patience": ("plateau",),
}


def idle_settings(config: TrialConfig) -> dict[str, str]:
    """Return the dotted paths of the settings without effect, each with the reason."""
    rules: tuple[tuple[str, Callable[[TrialConfig], Idle]], ...] = (
        ("task", lambda config: _idle_in_task(config.task)),
        ("model", _idle_in_model),
        ("train", lambda config: _idle_in_training(config.train)),
    )
    return {f"{group}.{name}": reason for group, rule in rules for name, reason in rule(config)}


def canonical(config: TrialConfig) -> TrialConfig:
    """Return the configuration that stands for all that are the same training, seed by seed.

    Settings without effect have their defaults, and what is left to torch is filled in.
    """
    changes: dict[str, dict[str, Any]] = {"task": {}, "model": {}, "train": {}, "output": {}}
    for path in idle_settings(config):
        group, _, name = path.partition(".")
        changes[group][name] = _default(getattr(config, group), name)
    changes["train"] |= _filled_in(config.train)
    if config.output.target_range == "zero_one" and config.task.target_kind in ("binary", "share"):
        # These are from 0 to 1 as they are.
        changes["output"]["target_range"] = _default(config.output, "target_range")
    parts = {group: getattr(config, group).model_copy(update=own) for group, own in changes.items() if own}
    return config.model_copy(update=parts)


def can_be_idle(path: str) -> bool:
    """Return whether a dotted path, or a field of a whole group, may be without effect in some trial."""
    return path in _PATHS or any(known.startswith(f"{path}.") for known in _PATHS)


def _default(part: BaseModel, name: str) -> Any:
    return type(part).model_fields[name].default


def _idle_in_task(task: TaskConfig) -> Idle:
    if getattr(task, "length_distribution", "curriculum") != "curriculum":
        yield "curriculum_share", "no curriculum without task.length_distribution=curriculum"
    match task.name:
        case "array_file":
            if getattr(task, "target", "") != "forecasting":
                yield "horizon", "only task.target=forecasting asks for steps to come"
            if getattr(task, "test_size", 0):
                yield "test_share", "task.test_size is set, which takes its place"
        case "moving_mnist":
            if getattr(task, "target", "").startswith("reconstruction"):
                yield "prediction_length", "task.target asks for no frames to come"


def _idle_in_model(config: TrialConfig) -> Idle:
    model: NetworkConfig = config.model
    fields = type(model).model_fields
    if model.depth == 1:
        # An MLP and a Transformer drop out behind, and inside of, every layer.
        if "dropout" in fields and model.name not in ("mlp", "attention"):
            yield "dropout", "it acts between layers, and model.depth is 1"
        for name in ("residual", "highway"):
            if name in fields:
                yield name, "it bypasses the layers above the first, and model.depth is 1"
        if "readout_from" in fields:
            yield "readout_from", "the top layer is the only one, for model.depth is 1"
    if "uniform_range" in fields and getattr(model, "initialization", "") != "uniform":
        yield "uniform_range", "it is of model.initialization=uniform"
    if getattr(model, "widths", None) is not None:
        yield "hidden_size", "model.widths takes its place"
    num_linear = (getattr(model, "input_layers", None), getattr(model, "output_layers", None))
    if "linear_size" in fields and num_linear == (0, 1):
        yield "linear_size", "there is no linear layer of that size"
    if "decoder_input" in fields and max(config.task.decoded_steps, default=1) == 1:
        for name in ("decoder_input", "true_share", "final_true_share"):
            yield name, "decoders generate a single step, which sees nothing"


def _idle_in_training(train: TrainConfig) -> Idle:
    is_rprop = train.optimizer == "rprop"
    if is_rprop and train.schedule != "one_cycle":
        yield "schedule", "rprop reads the learning rate of its first step only"
    for name, readers in _SCHEDULES.items():
        if is_rprop or train.schedule not in readers:
            yield name, f"it is of train.schedule={', '.join(readers)}"


def _filled_in(train: TrainConfig) -> dict[str, Any]:
    """Return what torch uses for the settings of an optimizer that are not given."""
    known = OPTIMIZERS[train.optimizer].settings
    filled: dict[str, Any] = {}
    if "epsilon" in known and train.epsilon is None:
        filled["epsilon"] = _EPSILONS.get(train.optimizer, _EPSILON)
    defaults = zip(("beta1", "beta2"), BETAS, strict=True)
    return filled | {name: beta for name, beta in defaults if name in known and getattr(train, name) is None}


_PATHS = frozenset(
    {
        *("task.curriculum_share", "task.horizon", "task.test_share", "task.prediction_length"),
        *("model.dropout", "model.residual", "model.highway", "model.readout_from", "model.uniform_range"),
        *("model.hidden_size", "model.linear_size", "model.decoder_input", "model.true_share"),
        *(
            "model.final_true_share",
            "train.epsilon",
            "train.beta1",
            "train.schedule",
            "train.beta2",
            "output.target_range",
        ),
        *(f"train.{name}" for name in _SCHEDULES),
    }
)
