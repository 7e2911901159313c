"""The configuration of a trial of the user's own training function. Imports no torch."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from failmap.datasets.config import Config
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.criterion import Criterion

#: The group of a space's base and of a trial's configuration that names the function.
OWN = "own"
#: The skill that counts as better than chance: a tenth of the way from blind guessing to perfection.
BETTER_THAN_CHANCE = 0.1
#: The update budget of a function whose space states none: its own loop is the limit.
_UNLIMITED = 2**62


class OwnFunction(Config):
    """The user's training function, and when one of its trials has learned.

    Attributes:
        function: `my_train.py:train`, or `package.module:train`.
        folder: The absolute folder of the file; None for a module.
    """

    function: str
    folder: str | None = None
    score: float | None = Field(default=None, description="reported score to reach")
    better_than_chance: bool = False
    in_a_row: int = Field(default=2, ge=1, le=100, description="reports in a row that must reach it")
    chance: float | None = Field(default=None, description="score of blind guessing; none: scores are raw")
    perfect: float = Field(default=1.0, description="score of a perfect solution, with `chance`")
    max_updates: int | None = Field(
        default=None,
        ge=1,
        description="update after which a trial has failed; none: when the function returns",
    )

    @model_validator(mode="after")
    def _has_at_most_one_criterion(self) -> "OwnFunction":
        problems = []
        if self.score is not None and self.better_than_chance:
            problems.append("learned: has a score and better_than_chance: leave one out")
        if self.better_than_chance and self.chance is None:
            problems.append("better_than_chance: needs chance, the score of blind guessing")
        if self.chance is None and self.perfect != 1:
            problems.append(f"perfect={self.perfect:g}: has no meaning without chance")
        if self.chance is not None and self.chance == self.perfect:
            problems.append(f"chance={self.chance:g}: is the same as perfect")
        elif self.chance is not None and self.score is not None and self.skill(self.score) <= 0:
            problems.append(f"learned.score={self.score:g}: is no better than chance={self.chance:g}")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def as_arguments(self) -> dict[str, Any]:
        """Return the values by the keys of arguments, without the folder, which differs between machines."""
        return {
            "train": self.function,
            "learned.score": self.score,
            "learned.in_a_row": self.in_a_row,
            "better_than_chance": self.better_than_chance,
            "chance": self.chance,
            "perfect": self.perfect,
            "max_updates": self.max_updates,
        }

    @property
    def has_criterion(self) -> bool:
        """Whether a trial can learn: a search for the best recipe needs no criterion."""
        return self.score is not None or self.better_than_chance

    @property
    def is_raw(self) -> bool:
        """Whether scores are taken as they are reported, for want of `chance`."""
        return self.chance is None

    @property
    def target_score(self) -> float:
        """The criterion as a score: a skill, or a raw score; infinite without a criterion."""
        if not self.has_criterion:
            return math.inf
        return BETTER_THAN_CHANCE if self.score is None else self.skill(self.score)

    @property
    def target_metric(self) -> float:
        """The criterion in the units that are reported; infinite without a criterion."""
        if self.score is not None or not self.has_criterion:
            return math.inf if self.score is None else self.score
        assert self.chance is not None, "better_than_chance needs chance"
        return self.chance + BETTER_THAN_CHANCE * (self.perfect - self.chance)

    @property
    def criterion(self) -> Criterion:
        """The criterion that judges every report."""
        return Criterion(self.target_score, self.in_a_row, self.max_updates or _UNLIMITED)

    def skill(self, reported: float) -> float:
        """Return a reported score as a skill, 0 at chance, 1 perfect and at least -1; unchanged if raw."""
        if self.chance is None:
            return reported
        return max(-1.0, (reported - self.chance) / (self.perfect - self.chance))


class OwnTrialConfig(Config):
    """One training by the user's own function.

    Attributes:
        own: The function and its criterion.
        settings: The values of the user's axes and fixed values, by dotted path.
        seed: The trial's seed.
    """

    own: OwnFunction
    settings: dict[str, Any]
    seed: int = Field(default=0, ge=0)


AnyTrialConfig = TrialConfig | OwnTrialConfig


def parse_trial_config(values: Mapping[str, Any]) -> AnyTrialConfig:
    """Return the configuration of a trial from its values. Raises ValidationError."""
    return OwnTrialConfig.model_validate(values) if OWN in values else TrialConfig.model_validate(values)
