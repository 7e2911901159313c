"""P(learn) as a surface over a map's numeric axes, with its edge: a pure function of counts."""

from failmap.analysis.surface.axes import SurfaceAxis, numeric_axes
from failmap.analysis.surface.surface import Beliefs, Edge, Joint, Surface

__all__ = ["Beliefs", "Edge", "Joint", "Surface", "SurfaceAxis", "numeric_axes"]
