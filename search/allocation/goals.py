"""The allocation that serves a run's goal."""

from failmap.search.allocation.map_allocation import Allocation, MapAllocation
from failmap.search.config import RunConfig


def allocation_for(config: RunConfig) -> Allocation:
    """Return a new allocation for the goal of a run's space.

    A shard sees its own cells only, and the edge follows from all: it goes through them in the order of a
    grid, so that all shards together are the whole run.
    """
    if config.space.goal == "grid" or config.shard is not None:
        return MapAllocation(config)
    # Not imported above: it imports scipy, which runs of a grid do without.
    from failmap.search.allocation.boundary_allocation import BoundaryAllocation

    return BoundaryAllocation(config)
