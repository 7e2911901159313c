"""A healthy training and its variants, each with one fault."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.diagnosis.case import Case, Half, KindOfHealthy
from benchmarks.diagnosis.labelled import RISING_FACTOR
from failmap.analysis.diagnosis import Cause
from failmap.search.trial.config import TrialConfig

#: Settings that a case changes, by dotted path.
Changes = Mapping[str, object]

#: Evaluations in an update budget.
_NUM_EVALUATIONS = 40


@dataclass(frozen=True)
class Family:
    """One task, one network, one length, and settings with which it learns.

    Attributes:
        name: description such as 'adding lstm 1x24 T=10'.
        half: half of the benchmark.
        task, model, train, criterion: groups of the configuration.
    """

    name: str
    half: Half
    task: Mapping[str, object]
    model: Mapping[str, object]
    train: Mapping[str, object]
    criterion: Mapping[str, object] = field(default_factory=dict)

    def plain(self, num_seeds: int, kind: KindOfHealthy = "plain") -> list[Case]:
        """Return healthy cases with seeds 0, 1, ..., which are the twins of all faulty ones."""
        return [self._case("none", "plain", seed, {}, kind=kind) for seed in range(num_seeds)]

    def healthy(
        self, kind: KindOfHealthy, severity: str, seeds: Iterable[int], changes: Changes
    ) -> list[Case]:
        """Return cases with changes under which training looks different but still learns."""
        return [self._case("none", severity, seed, changes, kind=kind) for seed in seeds]

    def configured(self, label: Cause, severity: str, seeds: Iterable[int], changes: Changes) -> list[Case]:
        """Return cases with a fault in the configuration."""
        return [self._case(label, severity, seed, changes) for seed in seeds]

    def few(self, label: Cause, size: int, seeds: Iterable[int], max_updates: int) -> list[Case]:
        """Return cases with few sequences and enough updates to go on for long after they are memorised."""
        changes = {"task.train_size": size, "train.max_updates": max_updates}
        return self.configured(label, f"{size} sequences", seeds, changes)

    def on_file(self, label: Cause, path: str, seeds: Iterable[int]) -> list[Case]:
        """Return cases on another file."""
        return self.configured(label, Path(path).stem.replace("_", " "), seeds, {"task.path": path})

    def planted(self, label: Cause, fault: str, seeds: Iterable[int]) -> list[Case]:
        """Return cases with a fault in the code."""
        return [self._case(label, fault.replace("_", " "), seed, {}, fault=fault) for seed in seeds]

    def rising(
        self,
        severity: str,
        seeds: Iterable[int],
        max_updates: int,
        changes: Changes,
        kind: KindOfHealthy = "slow",
    ) -> list[Case]:
        """Return cases whose budget ends while they learn, and their twins with thrice the updates."""
        every = max(1, max_updates // _NUM_EVALUATIONS)
        cut = {**changes, "train.max_updates": max_updates, "train.evaluate_every": every}
        whole = {**cut, "train.max_updates": RISING_FACTOR * max_updates}
        cases = []
        for seed in seeds:
            twin = self._case("none", f"{severity} whole", seed, whole, kind=kind)
            cases += [twin, replace(self._case("too_slow", f"{severity} cut", seed, cut), twin=twin.name)]
        return cases

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
            config=self._config(seed, changes),
            fault=fault,
            twin=None if label == "none" else self._case_name("none", "plain", seed),
            kind_of_healthy=kind,
        )

    def _case_name(self, label: Cause, severity: str, seed: int) -> str:
        parts = (self.name, label, severity, f"seed {seed}")
        return "--".join(re.sub(r"[^a-z0-9.=]+", "-", part.lower()).strip("-") for part in parts)

    def _config(self, seed: int, changes: Changes) -> TrialConfig:
        # Validation has half as many sequences as the test set, which is not used.
        groups: dict[str, dict[str, Any]] = {
            "task": {"test_size": 512, **self.task},
            "model": dict(self.model),
            "train": {"batch_size": 32, "clip_norm": 1.0, **self.train},
            "criterion": {"in_a_row": 2, **self.criterion},
        }
        for path, value in changes.items():
            group, name = path.split(".")
            groups.setdefault(group, {})[name] = value
        train = groups["train"]
        train.setdefault("evaluate_every", train["max_updates"] // _NUM_EVALUATIONS)
        return TrialConfig.model_validate({**groups, "seed": seed})
