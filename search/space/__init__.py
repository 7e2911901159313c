"""Search spaces: axes, cells, and the configurations that trials may have."""

from failmap.search.space.axis import Axis, alternatives, can_have_edge
from failmap.search.space.cell import Cell, MapAxes
from failmap.search.space.space import Goal, Space

__all__ = ["Axis", "Cell", "Goal", "MapAxes", "Space", "alternatives", "can_have_edge"]
