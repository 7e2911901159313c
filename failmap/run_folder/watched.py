"""What a watch inside an own training function adds to each report: the signal `watched`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from failmap.run_folder.parsing import Checked, Count, Plain, parse_values
from failmap.run_folder.records import OrUnknown

#: The name of the signal, which no function may report itself.
WATCHED = "watched"


@dataclass(frozen=True)
class Levels(Checked):
    """The levels by which a watched training is judged: fields of `Summary` of the same names."""

    metric: str = ""
    chance_metric: OrUnknown = math.nan
    chance_loss: OrUnknown = math.nan
    best_possible_loss: OrUnknown = math.nan
    validation_size: Count = 0
    target_mean: OrUnknown = math.nan
    target_deviation: OrUnknown = math.nan
    target_shift: float = 0.0
    mean_shift: float = 0.0
    input_shift: float = 0.0
    error_shift: OrUnknown = math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the levels that are known."""
        return _known(vars(self))


@dataclass(frozen=True)
class WatchedReport(Checked):
    """What the watch saw from the last report to this one.

    Attributes:
        loss: Mean of the training losses that `watch.step` was given; None if there was none, or if it is
            not finite.
        metric: Mean metric of training batches, 'accuracy' or 'mean_squared_error' as in `levels`.
        validation_loss, validation_metric: Means over `watch.validate`.
        config: The groups `task`, `model`, `output` and `train` of a configuration, as they were seen;
            None if they are those of the report before.
        levels: None if they are those of the report before.
    """

    loss: float | None = None
    metric: float | None = None
    validation_loss: float | None = None
    validation_metric: float | None = None
    config: dict[str, dict[str, Plain]] | None = None
    levels: Levels | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the signal, without what is unknown or has not changed."""
        values = _known(vars(self))
        if self.levels is not None:
            values["levels"] = self.levels.to_dict()
        return values

    @classmethod
    def of(cls, signals: Mapping[str, Any]) -> "WatchedReport | None":
        """Return the report in an evaluation's signals, or None if nothing was watched.

        Raises:
            ParseError: A ValueError: the signal is no such report.
        """
        if WATCHED not in signals:
            return None
        return parse_values(cls, signals[WATCHED], f"the signal {WATCHED}")


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    is_known = {name: not isinstance(one, float) or math.isfinite(one) for name, one in values.items()}
    return {name: one for name, one in values.items() if one is not None and is_known[name]}
