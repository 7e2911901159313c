"""How the learning rate goes over a trial's update budget."""

import math

from failmap.search.trial.train_config import TrainConfig

#: torch's OneCycleLR: share of the updates on which the rate rises, and what it begins and ends at.
ONE_CYCLE_RISE, ONE_CYCLE_FIRST, ONE_CYCLE_LAST = 0.3, 1 / 25, 1 / 25 / 1e4


def learning_rate(config: TrainConfig, update: int, plateau_share: float = 1.0) -> float:
    """The learning rate of one update, counted from 0.

    A linear warm-up leads to the schedule's first rate; the schedule goes over the updates that are left. All
    but `plateau` are functions of the update alone, so they need no state.

    Args:
        config: schedule and budget.
        update: from 0.
        plateau_share: what the schedule `plateau` has left of the rate (see search.trial.plateau).
    """
    peak = config.peak_rate * plateau_share
    if update < config.warmup_updates:
        return peak * _share(config, 0) * (update + 1) / config.warmup_updates
    return peak * _share(config, update - config.warmup_updates)


def _share(config: TrainConfig, update: int) -> float:
    """What a schedule leaves of the highest rate, `update` updates after the warm-up.

    From 1 to `final_share` at the end of the budget: in `step_count` equal-ratio steps, exponentially, or
    along half a cosine (Loshchilov and Hutter 2017, without restarts); or up and down in one cycle.
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
            return low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2
        case "one_cycle":
            return _one_cycle(update, budget)


def _one_cycle(update: int, budget: int) -> float:
    """Half a cosine up and half a cosine down (Smith and Topin 2018), in torch's numbers."""
    top = ONE_CYCLE_RISE * budget - 1
    if update <= top:
        return _half_cosine(ONE_CYCLE_FIRST, 1.0, update / top)
    return _half_cosine(1.0, ONE_CYCLE_LAST, (update - top) / (budget - 1 - top))


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
