"""The fitted forecast that is shipped, with how well it did on what it was not fitted on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from failmap.analysis.theory.features import is_hopeless, numbers
from failmap.analysis.theory.logistic import Logistic

#: Written by `python -m benchmarks.theory full`.
FILE = "coefficients.json"


@dataclass(frozen=True)
class LeftOut:
    """How cells were put in order that the forecast was not fitted on.

    Attributes:
        left_out: what the fit had not seen: 'a task', 'a network', ...
        auroc, low, high: of the forecast, with its 95 % interval.
        baseline: the best of the simple orders: 'shorter first', ...
        baseline_auroc: of that one.
        gain_low, gain_high: 95 % interval of the forecast's lead, on the same resamples.
    """

    left_out: str
    auroc: float
    low: float
    high: float
    baseline: str
    baseline_auroc: float
    gain_low: float
    gain_high: float

    @property
    def is_ahead(self) -> bool:
        """Whether the forecast beats the best simple order by more than chance allows."""
        return self.gain_low > 0


@dataclass(frozen=True)
class Fit:
    """A fitted forecast.

    Attributes:
        logistic: from the numbers of `features.numbers` to P(learn).
        fitted_on: which trainings, in words.
        left_out: how it did where it was not fitted.
    """

    logistic: Logistic
    fitted_on: str
    left_out: tuple[LeftOut, ...]

    @property
    def has_earned_its_place(self) -> bool:
        """Whether it is ahead wherever it was tried: only then may it steer a search."""
        return bool(self.left_out) and all(trial.is_ahead for trial in self.left_out)

    def probability(self, signals: Mapping[str, float]) -> float:
        """P(learn) of a cell's signals; 0 where the output head alone rules learning out."""
        return 0.0 if is_hopeless(signals) else self.logistic.probability(numbers(signals))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Fit":
        """The inverse of `to_dict`, also behind JSON. Raises TypeError or KeyError where it is none."""
        return cls(
            logistic=Logistic.from_dict(values["logistic"]),
            fitted_on=str(values["fitted_on"]),
            left_out=tuple(LeftOut(**trial) for trial in values["left_out"]),
        )


@cache
def shipped_fit() -> Fit:
    """The fit that comes with Failmap."""
    return Fit.from_dict(json.loads(files("analysis.theory").joinpath(FILE).read_text(encoding="utf-8")))
