"""The optimizer step that a configuration describes: optimizer, clipping, L2 penalty and learning rate."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from failmap.search.trial.criterion import Progress
from failmap.search.trial.train_config import BETAS, OPTIMIZERS, TrainConfig

#: State that torch keeps on the host for each parameter, whatever the device, unless the step is fused.
_HOST_NUMBERS = ("step", "mu_product")
#: torch's ReduceLROnPlateau: the least relative fall of the loss, and the least change of the rate.
THRESHOLD, LEAST_CHANGE = 1e-4, 1e-8
#: torch's OneCycleLR: the share of updates during which the rate rises, and its first and last value.
ONE_CYCLE_RISE, ONE_CYCLE_FIRST, ONE_CYCLE_LAST = 0.3, 1 / 25, 1 / 25 / 1e4


def build_optimizer(config: TrainConfig, parameters: Sequence[nn.Parameter]) -> Optimizer:
    """Build the configured optimizer of torch; settings that are not given keep torch's defaults.

    Rprop uses the learning rate for the size of its first step only, so no schedule affects it.
    """
    chosen = OPTIMIZERS[config.optimizer]
    settings: dict[str, Any] = {"lr": config.peak_rate}
    if chosen.is_fused:
        settings["fused"] = True
    for name in {"weight_decay", "momentum", "nesterov"} & set(chosen.settings):
        settings[name] = getattr(config, name)
    if config.epsilon is not None:
        settings["eps"] = config.epsilon
    if "beta1" in chosen.settings:
        given = zip((config.beta1, config.beta2), BETAS, strict=True)
        settings["betas"] = tuple(default if beta is None else beta for beta, default in given)
    optimizer: Optimizer = getattr(torch.optim, chosen.torch_name)(parameters, **settings)
    return optimizer


def stays_on_host(optimizer: Optimizer, key: str) -> bool:
    """Return whether torch keeps an entry of a parameter's state on the host.

    Fused optimizers and ASGD keep everything on the device.
    """
    on_device = optimizer.defaults.get("fused") or isinstance(optimizer, torch.optim.ASGD)
    return key in _HOST_NUMBERS and not on_device


def clip(config: TrainConfig, parameters: Sequence[nn.Parameter]) -> None:
    """Clip gradients in place, first by value and then by norm, as configured."""
    if config.clip_value is not None:
        nn.utils.clip_grad_value_(parameters, config.clip_value)
    if config.clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, config.clip_norm)


@torch.no_grad()
def add_l2_penalty(config: TrainConfig, parameters: Sequence[nn.Parameter]) -> None:
    """Add l2_penalty times each weight to its gradient, where it has one.

    Call it after clipping, like torch's weight decay, to which it is identical for Adam and SGD.
    """
    if config.l2_penalty == 0:
        return
    pairs = [(parameter.grad, parameter) for parameter in parameters if parameter.grad is not None]
    torch._foreach_add_([pair[0] for pair in pairs], [pair[1] for pair in pairs], alpha=config.l2_penalty)


def plateau_step(config: TrainConfig, progress: Progress, validation_loss: float) -> None:
    """Lower `progress.rate_share` if the validation loss has not fallen for too many evaluations.

    Its whole state is in the progress, which checkpoints store, and is a function of the history.
    """
    if config.schedule != "plateau":
        return
    lowest = progress.lowest_loss
    if lowest is None or validation_loss < lowest * (1 - THRESHOLD):
        progress.lowest_loss, progress.stale = validation_loss, 0
        return
    progress.stale += 1
    if progress.stale <= config.plateau_patience:
        return
    progress.stale = 0
    share = max(progress.rate_share * config.plateau_factor, config.final_share)
    if (progress.rate_share - share) * config.peak_rate > LEAST_CHANGE:
        progress.rate_share = share


def learning_rate(config: TrainConfig, update: int, plateau_share: float = 1.0) -> float:
    """Return the learning rate of an update.

    A linear warm-up leads to the schedule's first rate; the schedule covers the remaining updates. All
    schedules but `plateau` are functions of the update alone, so they need no state.

    Args:
        config: The schedule and the update budget.
        update: The update, counted from 0.
        plateau_share: The share of the rate that `plateau_step` has left.
    """
    peak = config.peak_rate * plateau_share
    if update < config.warmup_updates:
        return peak * _share(config, 0) * (update + 1) / config.warmup_updates
    return peak * _share(config, update - config.warmup_updates)


def _share(config: TrainConfig, update: int) -> float:
    """Return the share of the peak rate, `update` updates after the warm-up.

    It falls from 1 to `final_share` at the end of the budget: in `step_count` equal-ratio steps,
    exponentially, or along half a cosine (Loshchilov and Hutter 2017, without restarts). Or it rises and
    falls, along half a cosine each, as in torch's OneCycleLR (Smith and Topin 2018).
    """
    budget = max(config.max_updates - config.warmup_updates, 1)
    progress = update / budget
    low = config.final_share
    match config.schedule:
        case "constant" | "plateau":
            return 1.0
        case "step":
            return math.pow(low, math.floor(progress * (config.step_count + 1)) / config.step_count)
        case "exponential":
            return math.pow(low, progress)
        case "cosine":
            return _half_cosine(1.0, low, progress)
        case "one_cycle":
            top = ONE_CYCLE_RISE * budget - 1
            if update <= top:
                return _half_cosine(ONE_CYCLE_FIRST, 1.0, update / top)
            return _half_cosine(1.0, ONE_CYCLE_LAST, (update - top) / (budget - 1 - top))


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
