"""What a search for the best recipe would do, and what it costs."""

import math
from dataclasses import dataclass

from failmap.run_folder.wording import duration_display, quantity
from failmap.search.allocation.map_allocation import default_cost
from failmap.search.config import RunConfig


@dataclass(frozen=True)
class BestPlan:
    """A plan.

    Attributes:
        seconds: Of one trial of the default recipe on this machine.
        num_slots: Trials at a time.
        num_trials: Trials of that cost that the budget allows in all; None without a limit.
        num_begun: Trials that the run has already.
    """

    seconds: float
    num_slots: int
    num_trials: int | None
    num_begun: int


def make_best_plan(config: RunConfig, factor: float, num_slots: int, num_begun: int) -> BestPlan:
    """Return the plan of a run on a machine that takes `factor` seconds for a nominal core-second."""
    budget = config.budget
    seconds = factor * default_cost(config, next(config.space.cells()))
    limits = [] if budget.trials is None else [float(max(budget.trials - num_begun, 0))]
    if budget.minutes is not None:
        limits.append(60 * budget.minutes * num_slots / seconds)
    return BestPlan(seconds, num_slots, math.floor(min(limits)) if limits else None, num_begun)


def summary(config: RunConfig, plan: BestPlan) -> str:
    """Return a plan in words."""
    budget, names = config.budget, " and ".join(one.name for one in config.space.objectives)
    begun = f"{quantity(plan.num_begun, 'trial')} begun. " if plan.num_begun else ""
    if config.space.is_own:
        cost = "What a trial of your own function costs is learned from the first ones."
    else:
        cost = f"{begun}A trial of the default recipe takes {duration_display(plan.seconds)} here"
        if plan.num_trials is None:
            cost += f", {plan.num_slots} at a time, without a limit: stop the run when you like."
        else:
            cost += f"; of such trials the budget allows {plan.num_trials:,} on {plan.num_slots} slots."
    return "\n".join(
        [
            f"sampler={config.sampler} proposes recipes by {names}; {budget.repeat:.0%} of the trials repeat "
            f"the {budget.leaders} leaders, up to {budget.seeds} seeds each.",
            cost,
            "Nothing was started. Leave plan=true out to begin.",
        ]
    )
