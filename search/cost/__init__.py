"""What a trial costs, estimated before anything runs: for the order of the cells and for the plan."""

from failmap.search.cost.estimate import relative_cost
from failmap.search.cost.machine import machine_factor

__all__ = ["machine_factor", "relative_cost"]
