"""The training settings of one trial, and the table of optimizers. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from failmap.datasets.config import Config

OptimizerName = Literal[
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "asgd",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
]
Schedule = Literal["constant", "step", "exponential", "cosine", "one_cycle", "plateau"]
PrecisionName = Literal["fp32", "tf32", "bf16", "fp16"]

_ADAMS = ("beta1", "beta2", "epsilon", "weight_decay")


@dataclass(frozen=True)
class OptimizerSettings:
    """One optimizer.

    Attributes:
        torch_name: Name of its class in torch.optim.
        settings: The fields of TrainConfig that it has besides the learning rate.
        learning_rate: torch's default.
        weight_decay: torch's default.
        is_fused: Whether torch has a fused kernel on CPU and GPU, which is then used (on a CPU, a step of 32
            units takes 62 instead of 190 us with Adam, and 35 instead of 67 us with SGD).
    """

    torch_name: str
    settings: tuple[str, ...]
    learning_rate: float
    weight_decay: float = 0.0
    is_fused: bool = False


OPTIMIZERS: dict[OptimizerName, OptimizerSettings] = {
    "adadelta": OptimizerSettings("Adadelta", ("epsilon", "weight_decay"), 1.0),
    "adafactor": OptimizerSettings("Adafactor", ("weight_decay",), 1e-2),
    "adagrad": OptimizerSettings("Adagrad", ("epsilon", "weight_decay"), 1e-2, is_fused=True),
    "adam": OptimizerSettings("Adam", _ADAMS, 1e-3, is_fused=True),
    "adamax": OptimizerSettings("Adamax", _ADAMS, 2e-3),
    "adamw": OptimizerSettings("AdamW", _ADAMS, 1e-3, weight_decay=1e-2, is_fused=True),
    "asgd": OptimizerSettings("ASGD", ("weight_decay",), 1e-2),
    "nadam": OptimizerSettings("NAdam", _ADAMS, 2e-3),
    "radam": OptimizerSettings("RAdam", _ADAMS, 1e-3),
    "rmsprop": OptimizerSettings("RMSprop", ("momentum", "epsilon", "weight_decay"), 1e-2),
    "rprop": OptimizerSettings("Rprop", (), 1e-2),
    "sgd": OptimizerSettings("SGD", ("momentum", "nesterov", "weight_decay"), 1e-3, is_fused=True),
}
#: torch's defaults of beta1 and beta2, equal for all optimizers that have them.
BETAS = (0.9, 0.999)
#: Settings that only some optimizers have.
SPECIAL_SETTINGS = ("momentum", "nesterov", "beta1", "beta2", "epsilon", "weight_decay")


class TrainConfig(Config):
    """The training settings of one trial. An update is one optimizer step."""

    optimizer: OptimizerName = Field(default="adam", description="optimizer of torch.optim")
    learning_rate: float | None = Field(
        default=3e-3,
        gt=0,
        le=1e3,
        description="learning rate at the schedule's peak; none: torch's default for the optimizer",
    )
    momentum: float = Field(default=0.0, ge=0, lt=1, description="momentum of sgd and rmsprop")
    nesterov: bool = Field(default=False, description="Nesterov momentum of sgd; nadam has it built in")
    beta1: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="decay of the mean gradient, for adam, adamax, adamw, nadam and radam; none: torch's 0.9",
    )
    beta2: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="decay of the mean squared gradient, for the same; none: torch's 0.999",
    )
    epsilon: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="term added to the divisor, for the same, adadelta, adagrad and rmsprop; none: torch's",
    )
    weight_decay: float | None = Field(
        default=None,
        ge=0,
        description="torch's weight decay: decoupled for adamw, an L2 penalty for the others; rprop does "
        "not have it. none: torch's default, 0.01 for adamw and 0 for the others",
    )
    l2_penalty: float = Field(
        default=0.0,
        ge=0,
        description="L2 penalty for any optimizer: this multiple of each weight is added to its gradient "
        "after clipping",
    )
    schedule: Schedule = Field(
        default="constant",
        description="learning rate over the update budget; one_cycle is torch's, which rises from a 25th for "
        "30 % of the budget, then falls to nearly zero; plateau falls when the validation loss does not",
    )
    final_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of the learning rate left at the end (step, exponential, cosine), or the least "
        "share (plateau)",
    )
    step_count: int = Field(default=3, ge=1, description="number of equal-ratio drops of the step schedule")
    plateau_factor: float = Field(
        default=0.1, gt=0, lt=1, description="factor of the learning rate at each drop of plateau"
    )
    plateau_patience: int = Field(
        default=10,
        ge=0,
        description="evaluations in a row without a lower validation loss before plateau drops",
    )
    warmup_updates: int = Field(
        default=0, ge=0, description="updates over which the learning rate rises from 0, before the schedule"
    )
    clip_value: float | None = Field(
        default=None,
        gt=0,
        description="largest absolute value of a gradient's entry, clipped before the norm; none: unclipped",
    )
    clip_norm: float | None = Field(default=None, gt=0, description="largest gradient norm; none: unclipped")
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["full"] = Field(
        default=64, description="sequences per update; full: the whole training set, if it is finite"
    )
    precision: PrecisionName = Field(
        default="fp32",
        description="precision of matrix products and convolutions; weights and losses stay in fp32. tf32 "
        "needs an NVIDIA GPU of compute capability 8 or newer, fp16 any NVIDIA GPU (its loss is scaled)",
    )
    max_updates: int = Field(default=1500, ge=1, le=100_000_000, description="update budget of one trial")
    evaluate_every: int = Field(default=50, ge=1, description="updates between evaluations")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_torch_defaults(cls, values: Any) -> Any:
        """Fill in torch's defaults where none are given, so that a stored configuration is complete."""
        if not isinstance(values, Mapping):
            return values
        name = values.get("optimizer", "adam")
        if name not in get_args(OptimizerName):
            return values
        optimizer = OPTIMIZERS[name]
        written = dict(values)
        if values.get("learning_rate", 0) is None:
            written["learning_rate"] = optimizer.learning_rate
        if values.get("weight_decay") is None:
            written["weight_decay"] = optimizer.weight_decay
        return written

    @model_validator(mode="after")
    def _check_settings_fit(self) -> "TrainConfig":
        if self.evaluate_every > self.max_updates:
            raise ValueError(
                f"train.evaluate_every={self.evaluate_every} is more than "
                f"train.max_updates={self.max_updates}: the trial would never be evaluated"
            )
        if self.warmup_updates > self.max_updates:
            raise ValueError(
                f"train.warmup_updates={self.warmup_updates} is more than "
                f"train.max_updates={self.max_updates}"
            )
        for setting in SPECIAL_SETTINGS:
            if getattr(self, setting) and setting not in OPTIMIZERS[self.optimizer].settings:
                *others, last = [name for name, known in OPTIMIZERS.items() if setting in known.settings]
                having = f"{', '.join(others)} and {last} have it" if others else f"{last} has it"
                raise ValueError(f"train.{setting} is not a setting of {self.optimizer}: {having}")
        if self.nesterov and not self.momentum:
            raise ValueError("train.nesterov=true needs momentum: set train.momentum=0.9")
        return self

    @property
    def peak_rate(self) -> float:
        """The learning rate at the schedule's peak, with torch's default filled in."""
        assert self.learning_rate is not None, "torch's default was not filled in"
        return self.learning_rate
