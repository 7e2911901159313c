"""The allocation that serves a run's goal."""

from failmap.search.allocation.map_allocation import Allocation, MapAllocation
from failmap.search.config import RunConfig


def is_of_edge(config: RunConfig) -> bool:
    """Return whether a run looks for the edge first.

    A shard sees its own cells only, and the edge follows from all: it goes through them in the order of a
    grid, so that all shards together are the whole run.
    """
    return config.space.goal == "map" and config.shard is None


def allocation_for(config: RunConfig) -> Allocation:
    """Return a new allocation for the goal of a run's space."""
    if config.space.goal == "best":
        # Not imported above: runs of a map do without its samplers.
        from failmap.search.tuning.best_allocation import BestAllocation

        return BestAllocation(config)
    if not is_of_edge(config):
        return MapAllocation(config)
    # Not imported above: it imports scipy, which runs of a grid do without.
    from failmap.search.allocation.boundary_allocation import BoundaryAllocation

    return BoundaryAllocation(config)
