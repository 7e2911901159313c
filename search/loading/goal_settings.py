"""Settings of a run that follow from its goal, and those that do not go with it."""

from collections.abc import Iterator, Mapping
from typing import Any

from failmap.search.config import Halving
from failmap.search.space import Space
from failmap.search.space.space import LEAST_FREE_RANGES

#: Of goal=best alone, and what other goals have.
_SAMPLERS_OF_BEST, _SAMPLERS_OF_MAPS = ("gp", "cmaes", "nsga2"), ("grid", "sobol", "random", "tpe")
_PRUNERS_OF_BEST, _PRUNERS_OF_MAPS = ("hyperband", "median"), ("none", "halving")


def with_defaults_of_goal(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's settings with those that follow from its goal where the user named none."""
    if space.goal != "best":
        return dict(values)
    # Rungs of a map wait until the curves of a cell's recipes have parted; a tuner stops as early as it can.
    named = values["halving"].model_dump(exclude_unset=True) if "halving" in values else {}
    halving = Halving(**{"first_rung": 1, **named})
    defaults = {"sampler": "nsga2" if len(space.objectives) > 1 else "tpe", "keep": "best"}
    return {**defaults, **values, "halving": halving}


def misfits_of_goal(space: Space, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each setting that does not go with the run's goal.

    Args:
        space: The run's.
        values: The run's settings by name; those that are missing have their defaults.
    """
    sampler, pruner = values.get("sampler", "grid"), values.get("pruner", "none")
    if space.goal != "best":
        for key, value, ours, theirs in (
            ("sampler", sampler, _SAMPLERS_OF_BEST, _SAMPLERS_OF_MAPS),
            ("pruner", pruner, _PRUNERS_OF_BEST, _PRUNERS_OF_MAPS),
            ("keep", values.get("keep", "none"), ("best",), ("none", "learned", "all")),
        ):
            if value in ours:
                known = ", ".join(theirs)
                yield f"{key}={value}: is of goal=best; with goal={space.goal} choose one of {known}"
        return
    several = len(space.objectives) > 1
    if values.get("shard") is not None:
        yield f"shard={values['shard']}: goal=best has no cells to share out: leave it out, and use a cluster"
    if several and pruner != "none":
        yield f"pruner={pruner}: ranks trials by one objective, and there are {len(space.objectives)}"
    if sampler == "cmaes":
        if several:
            num = len(space.objectives)
            yield f"sampler=cmaes: optimises one objective, and there are {num}: choose nsga2"
        num_ranges = len(space.free_ranges)
        if num_ranges < LEAST_FREE_RANGES:
            yield (
                f"sampler=cmaes: needs {LEAST_FREE_RANGES} axes or more with low and high and without a "
                f"condition, and there {'is' if num_ranges == 1 else 'are'} {num_ranges}: choose tpe"
            )
