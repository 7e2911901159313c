"""The paths of a map's axes, and the cells between them."""

from dataclasses import dataclass
from typing import Any

from failmap.datasets.config import Config


class MapAxes(Config):
    """The paths of a map's two axes, and of the facet, for each value of which it is drawn once."""

    x: str
    y: str
    facet: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths, the facet last."""
        return (self.x, self.y) if self.facet is None else (self.x, self.y, self.facet)


@dataclass(frozen=True)
class Cell:
    """One point on the map's axes and facet, as (path, label) pairs."""

    labels: tuple[tuple[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the labels by path."""
        return dict(self.labels)

    @property
    def values(self) -> tuple[Any, ...]:
        """The labels without their paths, in the order of the map's paths."""
        return tuple(label for _, label in self.labels)

    def __str__(self) -> str:
        return " ".join(f"{path.rpartition('.')[2]}={label}" for path, label in self.labels)
