"""Trial records with a configuration and a summary, which are all that a diagnosis reads."""

from typing import Any

from failmap.run_folder.records import Summary, TrialRecord


def record_of(config: dict[str, Any], summary: Summary | None) -> TrialRecord:
    """Return the record of the first trial of a run without cells."""
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
