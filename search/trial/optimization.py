"""Optimizers, and how the learning rate goes over a trial's update budget."""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from search.trial.train_config import TrainConfig


def build_optimizer(config: TrainConfig, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """torch's optimizer of that name; the fused kernels where torch has them (3 to 5 % of an update here)."""
    rate, decay = config.learning_rate, config.weight_decay
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
        case "sgd":
            return torch.optim.SGD(parameters, rate, momentum=config.momentum, weight_decay=decay, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, rate, momentum=config.momentum, weight_decay=decay)


def learning_rate(config: TrainConfig, update: int) -> float:
    """The learning rate of one update, counted from 0: a function of nothing else, so it needs no state.

    After a linear warm-up the rate falls from `learning_rate` to `final_share` of it at the end of the update
    budget: in `step_count` equal-ratio steps, exponentially, or along half a cosine (Loshchilov and Hutter
    2017, without restarts).
    """
    if update < config.warmup_updates:
        return config.learning_rate * (update + 1) / config.warmup_updates
    budget = max(config.max_updates - config.warmup_updates, 1)
    progress = (update - config.warmup_updates) / budget
    low = config.final_share
    match config.schedule:
        case "constant":
            share = 1.0
        case "step":
            share = low ** (math.floor(progress * (config.step_count + 1)) / config.step_count)
        case "exponential":
            share = low**progress
        case "cosine":
            share = low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2
    return config.learning_rate * share


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Sets the rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
