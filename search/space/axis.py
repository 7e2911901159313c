"""The axes of a search space: one dotted path each, and the values that it may take."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from failmap.datasets.config import Config
from failmap.run_folder.wording import is_scale


def alternatives(wanted: Any) -> Sequence[Any]:
    """Return the values that meet a condition, which is one value or a list of them."""
    return wanted if isinstance(wanted, list | tuple) else (wanted,)


class Axis(Config):
    """One dotted path of a trial's configuration and the values it may take.

    Either `values`, or `low` and `high`. A joint choice has the path of a group (`output`) and mappings as
    values, each of which sets several fields at once.
    """

    path: str
    values: tuple[Any, ...] | None = Field(default=None, min_length=1)
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    default: Any = None
    points: int = Field(
        default=5, ge=2, le=1000, description="values of a range on a grid, its ends included"
    )
    when: dict[str, Any] = Field(default_factory=dict, description="other axes' values it is there for")

    @model_validator(mode="before")
    @classmethod
    def _default_is_first(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("values") and values.get("default") is None:
            return {**values, "default": values["values"][0]}
        return values

    @model_validator(mode="after")
    def _is_a_choice_or_a_range(self) -> "Axis":
        if (self.values is None) == (self.low is None) or (self.low is None) != (self.high is None):
            raise ValueError(f"{self.path}: an axis has either values, or low and high")
        if self.values is not None:
            if len({repr(value) for value in self.values}) < len(self.values):
                raise ValueError(f"{self.path}: a value is twice on the axis")
            if self.default not in self.values:
                raise ValueError(f"{self.path}: the default {self.default} is not among the values")
            return self
        assert self.low is not None
        assert self.high is not None
        if not self.low < self.high:
            raise ValueError(f"{self.path}: low={self.low} must be less than high={self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"{self.path}: a log range must begin above 0, not at {self.low}")
        if self.default is None:
            raise ValueError(f"{self.path}: a range needs a default: the value of the default recipe")
        if not self.low <= self.default <= self.high:
            raise ValueError(f"{self.path}: the default {self.default} is not in {self.low} to {self.high}")
        return self

    @property
    def labels(self) -> list[Any]:
        """The labels of the values, in order; none for a range."""
        return [self.label(value) for value in self.values or ()]

    @property
    def is_joint(self) -> bool:
        """Whether a value sets several fields at once."""
        return self.values is not None and isinstance(self.values[0], Mapping)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every dotted path that some value sets, in order."""
        if self.values is None:
            return (self.path,)
        return tuple(dict.fromkeys(path for value in self.values for path in self.assignments(value)))

    def values_at(self, path: str) -> list[Any]:
        """Return what the axis' values set a path to; nothing for a range."""
        assigned = [self.assignments(value) for value in self.values or ()]
        return [fields[path] for fields in assigned if path in fields]

    def label(self, value: Any) -> Any:
        """Return a value as tables and maps show it: a joint choice as one line, any other unchanged."""
        if isinstance(value, Mapping):
            return " ".join(f"{key}={inner}" for key, inner in value.items())
        return value

    def value_of(self, label: Any) -> Any:
        """Return the value that a label shows. There must be one."""
        return self.values[self.labels.index(label)] if self.values and self.is_joint else label

    def assignments(self, value: Any) -> dict[str, Any]:
        """Return what a value sets, by dotted path."""
        if isinstance(value, Mapping):
            return {f"{self.path}.{key}": inner for key, inner in value.items()}
        return {self.path: value}

    def is_active(self, assigned: Mapping[str, Any]) -> bool:
        """Return whether the axis' condition holds, given other axes and fixed fields by dotted path."""
        return all(assigned.get(path) in alternatives(wanted) for path, wanted in self.when.items())

    def from_unit(self, unit: float) -> Any:
        """Return the quantile, 0 <= unit < 1, of a uniform or log-uniform distribution over the axis."""
        if self.values is not None:
            return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]
        assert self.low is not None
        assert self.high is not None
        if self.integer and not self.log:
            return min(int(self.low + unit * (self.high - self.low + 1)), int(self.high))
        if self.log:
            value = math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + unit * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else value

    def to_unit(self, value: Any) -> float:
        """Return a point that `from_unit` takes to a value of a range."""
        assert self.low is not None
        assert self.high is not None
        if self.integer and not self.log:
            return float((value - self.low + 0.5) / (self.high - self.low + 1))
        if self.log:
            unit = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            unit = (value - self.low) / (self.high - self.low)
        return min(max(float(unit), 0.0), math.nextafter(1.0, 0.0))

    def grid(self) -> list[Any]:
        """Return the values of a grid: the default, then the others by their distance from it."""
        if self.values is not None:
            return [self.default, *(value for value in self.values if value != self.default)]
        drawn = (self.from_unit(point / (self.points - 1)) for point in range(self.points))
        # Rounded to 12 digits, so that 0.001 is not 0.0009999999999999998.
        values = {float(f"{value:.12g}") if isinstance(value, float) else value for value in drawn}
        scale = math.log if self.log else float
        return [
            self.default,
            *sorted(values - {self.default}, key=lambda value: abs(scale(value) - scale(self.default))),
        ]


def can_have_edge(axes: Iterable[Axis], map_paths: Mapping[str, str | None]) -> bool:
    """Return whether x or y has several numbers, between two of which learning may end."""
    x_and_y = (axis for axis in axes if axis.path in (map_paths.get("x"), map_paths.get("y")))
    return any(axis.values and len(axis.values) > 1 and is_scale(axis.values) for axis in x_and_y)
