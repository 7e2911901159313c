"""A trial's record, of which a verdict reads the configuration and the summary alone."""

from typing import Any

from failmap.run_folder.records import Summary, TrialRecord


def record_of(config: dict[str, Any], summary: Summary | None) -> TrialRecord:
    """The first trial of a run without cells."""
    return TrialRecord(
        number=0,
        attempt=1,
        config=config,
        cell={},
        recipe={},
        recipe_index=0,
        purpose="default",
        seed=0,
        started="2026-01-01T00:00:00+00:00",
        summary=summary,
    )
