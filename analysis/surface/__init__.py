"""P(learn) as a surface over a map's numeric axes, with its edge: a pure function of counts."""

from failmap.analysis.surface.axes import SurfaceAxis, numeric_axes
from failmap.analysis.surface.beliefs import SURE, CellBelief, MapSurface, Side
from failmap.analysis.surface.surface import Beliefs, Edge, Joint, Surface

__all__ = [
    "SURE",
    "Beliefs",
    "CellBelief",
    "Edge",
    "Joint",
    "MapSurface",
    "Side",
    "Surface",
    "SurfaceAxis",
    "numeric_axes",
]
