"""The states at the end of failed trials: which are kept, within a limit of bytes."""

from typing import Any

from failmap.run_folder.records import SPENT, Summary, TrialRecord
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.journal.trials import TrialFiles


class FinalStates:
    """Keeps the ends of failed trials; where there is no room for all, those of the highest scores.

    What is kept follows from the journal: a trial's entry has `final_bytes`, the size of its own state if it
    was kept at its end, and `evicts`, the numbers of those that had to go for it. One that a continuation has
    taken up is no longer needed; an intervention that begins there leaves it to others.

    Args:
        files: The trials' files.
        limit: Maximum number of bytes.
    """

    def __init__(self, files: TrialFiles, limit: float) -> None:
        self._files, self._limit = files, limit
        self._kept: dict[int, KnownTrial] = {}

    def attributes(self, record: TrialRecord, summary: Summary) -> dict[str, Any]:
        """Return what the journal is to hold of a trial that ends with a summary."""
        if self._limit == 0 or summary.outcome != "failed" or summary.reason != SPENT:
            return {}
        # One whose batch was halved was not trained as its settings say.
        if record.batch_halvings or record.intervention is not None:
            return {}
        size = self._files.final_bytes(record.number)
        if not 0 < size <= self._limit:
            return {}
        sizes = {number: trial.final_bytes for number, trial in self._kept.items()}
        scores = {number: trial.score for number, trial in self._kept.items()}
        sizes[record.number], scores[record.number] = size, summary.score
        evicted = []
        while sum(sizes.values()) > self._limit:
            worst = min(sizes, key=lambda number: (scores[number], -number))
            del sizes[worst]
            evicted.append(worst)
        if record.number in evicted:
            return {}
        return {"final_bytes": size} | ({"evicts": evicted} if evicted else {})

    def end(self, trial: KnownTrial, attributes: dict[str, Any]) -> None:
        """Take note of a trial that has ended, now or in an earlier session, and of what its entry says."""
        for number in _no_longer_needed(trial, attributes):
            if (other := self._kept.pop(number, None)) is not None:
                other.final_bytes = 0
        trial.final_bytes = attributes.get("final_bytes", 0)
        if trial.final_bytes:
            self._kept[trial.number] = trial

    def tidy(self, trial: KnownTrial, attributes: dict[str, Any]) -> None:
        """Remove the files that nothing needs after a trial's end."""
        for number in _no_longer_needed(trial, attributes):
            self._files.drop_final(number)
        if not trial.final_bytes and self._limit:
            self._files.drop_final(trial.number)


def _no_longer_needed(trial: KnownTrial, attributes: dict[str, Any]) -> list[int]:
    """Return the trials whose ends one that has ended has replaced or taken up."""
    taken_up = [trial.continues] if trial.purpose == "continue" and trial.continues is not None else []
    return [*attributes.get("evicts", ()), *taken_up]
