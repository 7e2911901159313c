"""Runs in which things were changed about trials."""

from collections.abc import Callable
from typing import Any

import pytest

from analysis.records import Intervention, Outcome

Try = Callable[..., None]


@pytest.fixture
def try_out() -> Try:
    """Writes trials of one base in one cell, by their outcomes: the first has seed 0, the next seed 1, ..."""

    def write(
        run: Any,
        outcomes: list[Outcome | None],
        *place: Any,
        name: str | None = None,
        changes: dict[str, Any] | None = None,
        kind: Any = "rescue",
        cause: str = "",
        base: int = 0,
        seeds: list[int] | None = None,
        **more: Any,
    ) -> None:
        changes = changes or {}
        intervention = None if name is None else Intervention(kind, name, changes, base, cause)
        for seed, outcome in zip(seeds or range(len(outcomes)), outcomes, strict=False):
            run.trial(
                outcome,
                *place,
                seed=seed,
                intervention=intervention,
                config={**changes, "seed": seed},
                **more,
            )

    return write
