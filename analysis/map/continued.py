"""Failed trials that were trained on: what became of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from failmap.run_folder.records import NO_EVIDENCE, TrialRecord
from failmap.run_folder.wording import quantity


@dataclass(frozen=True)
class Continued:
    """What became of failed trials of a map within more updates than it counts.

    Attributes:
        num_trials: Trials that were trained on, and have ended.
        num_learned: Those that learned.
        updates: The most updates that any of them was given.
        first_learned, last_learned: Updates at which the first and the last of these learned; None without.
    """

    num_trials: int
    num_learned: int
    updates: int
    first_learned: int | None
    last_learned: int | None

    @property
    def words(self) -> str:
        """Return 'trained on, up to 3,000 updates: 6 failed trials, of which 4 learned (at 1,050)'."""
        learned = f"{self.num_learned} learned"
        if self.first_learned is not None:
            ends = dict.fromkeys((self.first_learned, self.last_learned))
            learned += f" (at {' to '.join(f'{updates:,}' for updates in ends)})"
        trials = quantity(self.num_trials, "failed trial")
        return f"trained on, up to {self.updates:,} updates: {trials}, of which {learned}"


def continued(records: Iterable[TrialRecord]) -> Continued | None:
    """Return what became of the trials that were trained on; None if none has ended."""
    records = list(records)
    begun = {record.number: record for record in records if record.purpose not in NO_EVIDENCE}
    ends = [
        end
        for end in trained_on(records)
        if end.summary is not None and end.summary is not begun[end.number].summary
    ]
    if not ends:
        return None
    learned = sorted(end.summary.updates for end in ends if end.summary and end.outcome == "learned")
    budgets = (record.config["train"]["max_updates"] for record in records if record.purpose == "continue")
    first, last = (learned[0], learned[-1]) if learned else (None, None)
    return Continued(len(ends), len(learned), max(budgets), first, last)


def trained_on(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that are evidence of their cells, each as it ended in the last of its continuations.

    A continuation that has not ended, or that errored, says nothing.
    """
    records = list(records)
    later = {
        record.continues: record
        for record in records
        if record.purpose == "continue" and record.outcome in ("learned", "failed")
    }
    return [
        replace(record, summary=_last(record, later).summary)
        for record in records
        if record.purpose not in NO_EVIDENCE
    ]


def _last(record: TrialRecord, later: dict[int | None, TrialRecord]) -> TrialRecord:
    while record.number in later:
        record = later[record.number]
    return record
