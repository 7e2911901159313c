"""A healthy training, and everything that can go wrong with it, one thing at a time."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.diagnosis.case import Case, Half, KindOfHealthy
from failmap.analysis.diagnosis import Cause
from failmap.search.trial.config import TrialConfig

#: What a case changes about its family's recipe, by dotted path.
Changes = Mapping[str, object]

#: Evaluations in an update budget.
_NUM_EVALUATIONS = 40
#: Of every family: validation has half as many sequences as the test that nobody looks at.
_COMMON: dict[str, object] = {
    "task.test_size": 512,
    "train.batch_size": 32,
    "train.clip_norm": 1.0,
    "criterion.in_a_row": 2,
}


@dataclass(frozen=True)
class Family:
    """One task, one network, one length, and the recipe with which it learns.

    Attributes:
        name: as in 'adding lstm 1x24 T=10'.
        half: of the benchmark.
        recipe: its configuration by dotted path.
    """

    name: str
    half: Half
    recipe: Changes

    def plain(self, num_seeds: int, kind: KindOfHealthy = "plain") -> list[Case]:
        """The recipe as it is, with seeds 0, 1, ...: the twins of everything that goes wrong."""
        return [self._case("none", "plain", seed, {}, kind=kind) for seed in range(num_seeds)]

    def healthy(
        self, kind: KindOfHealthy, severity: str, seeds: Iterable[int], changes: Changes
    ) -> list[Case]:
        """The recipe with changes that make it learn in another way, and learn all the same."""
        return [self._case("none", severity, seed, changes, kind=kind) for seed in seeds]

    def configured(self, label: Cause, severity: str, seeds: Iterable[int], changes: Changes) -> list[Case]:
        """The recipe with a fault in its configuration."""
        return [self._case(label, severity, seed, changes) for seed in seeds]

    def planted(self, label: Cause, fault: str, seeds: Iterable[int]) -> list[Case]:
        """The recipe with a fault in its code."""
        return [self._case(label, fault.replace("_", " "), seed, {}, fault=fault) for seed in seeds]

    def _case(
        self,
        label: Cause,
        severity: str,
        seed: int,
        changes: Changes,
        *,
        fault: str | None = None,
        kind: KindOfHealthy = "",
    ) -> Case:
        return Case(
            name=self._case_name(label, severity, seed),
            label=label,
            half=self.half,
            family=self.name,
            severity=severity,
            config=_configuration({**_COMMON, **self.recipe, **changes, "seed": seed}),
            fault=fault,
            twin=None if label == "none" else self._case_name("none", "plain", seed),
            kind_of_healthy=kind,
        )

    def _case_name(self, label: Cause, severity: str, seed: int) -> str:
        words = (self.name, label, severity, f"seed {seed}")
        return "--".join(re.sub(r"[^a-z0-9.=]+", "-", word.lower()).strip("-") for word in words)


def _configuration(values: Changes) -> TrialConfig:
    """A configuration from its values by dotted path; evaluations are spread over the update budget."""
    max_updates = values["train.max_updates"]
    assert isinstance(max_updates, int), max_updates
    nested: dict[str, Any] = {}
    for path, value in {"train.evaluate_every": max_updates // _NUM_EVALUATIONS, **values}.items():
        *groups, name = path.split(".")
        inner = nested
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value
    return TrialConfig.model_validate(nested)
