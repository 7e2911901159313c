"""What a trial costs, estimated before anything runs: for the order of the cells and for the plan."""

from search.cost.estimate import relative_cost
from search.cost.machine import machine_factor

__all__ = ["machine_factor", "relative_cost"]
