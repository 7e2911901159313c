"""torch's optimizers, as a configuration asks for them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from failmap.search.trial.optimizer_settings import BETAS, OPTIMIZERS
from failmap.search.trial.train_config import TrainConfig

#: Numbers that torch keeps for each parameter on the host, whatever the device, where the step is not fused.
_HOST_NUMBERS = ("step", "mu_product")


def build_optimizer(config: TrainConfig, parameters: Sequence[nn.Parameter]) -> Optimizer:
    """torch's optimizer of that name, at torch's defaults but for what the configuration sets.

    Rprop takes the learning rate for the size of its first step only, so no schedule changes it.
    """
    chosen = OPTIMIZERS[config.optimizer]
    settings: dict[str, Any] = {"lr": config.peak_rate}
    if chosen.is_fused:
        settings["fused"] = True
    if "weight_decay" in chosen.settings:
        settings["weight_decay"] = config.weight_decay
    if "momentum" in chosen.settings:
        settings["momentum"] = config.momentum
    if "nesterov" in chosen.settings:
        settings["nesterov"] = config.nesterov
    if config.epsilon is not None:
        settings["eps"] = config.epsilon
    if "beta1" in chosen.settings:
        torchs_beta1, torchs_beta2 = BETAS
        settings["betas"] = (
            torchs_beta1 if config.beta1 is None else config.beta1,
            torchs_beta2 if config.beta2 is None else config.beta2,
        )
    optimizer: Optimizer = getattr(torch.optim, chosen.torch_name)(parameters, **settings)
    return optimizer


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Sets the rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def stays_on_host(optimizer: Optimizer, key: str) -> bool:
    """Whether torch keeps this part of a parameter's state on the host.

    Fused steps read it on the device, and ASGD has all its numbers there.
    """
    on_device = optimizer.defaults.get("fused") or isinstance(optimizer, torch.optim.ASGD)
    return key in _HOST_NUMBERS and not on_device
