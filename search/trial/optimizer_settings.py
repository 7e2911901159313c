"""Which optimizers there are, what each may be told, and what torch does unless told. Knows no torch.

Of torch.optim (2.11 to 2.13) three are left out: LBFGS wants the loss again and again within one step,
SparseAdam wants sparse gradients, and Muon takes matrices only, so that biases would need a second optimizer.
"""

from dataclasses import dataclass
from typing import Literal

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
_ADAMS = ("beta1", "beta2", "epsilon", "weight_decay")


@dataclass(frozen=True)
class OptimizerSettings:
    """One optimizer.

    Attributes:
        torch_name: its class in torch.optim.
        settings: the fields of TrainConfig that it has, beside the learning rate.
        learning_rate: torch's default.
        weight_decay: torch's default.
        is_fused: whether torch has one kernel for the whole step, on a CPU and a GPU; it is taken then (on a
            CPU a step of 32 units takes 62 instead of 190 us with Adam, 35 instead of 67 us with SGD).
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
#: torch's default of beta1 and beta2, the same in all that have them.
BETAS = (0.9, 0.999)
#: Settings that not every optimizer has.
SPECIAL_SETTINGS = ("momentum", "nesterov", "beta1", "beta2", "epsilon", "weight_decay")


def those_with(setting: str) -> list[OptimizerName]:
    """The optimizers that have a setting."""
    return [name for name, optimizer in OPTIMIZERS.items() if setting in optimizer.settings]
