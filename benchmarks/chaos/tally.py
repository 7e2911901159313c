"""Differences between a disturbed run and the same run undisturbed."""

import json
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.search.journal.trials import record_of
from failmap.search.trial.session import TrialSession

#: Identifies a trial across runs, whatever its number: values of its cell, recipe index and seed.
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Ended:
    """Result of a trial without timings.

    Attributes:
        decision: outcome, reason, updates and score.
        history: all evaluations.
    """

    decision: tuple[Any, ...]
    history: tuple[dict[str, Any], ...]


@dataclass
class Tally:
    """Effects of one kind of fault over all runs that it hit.

    Attributes:
        fault: name of the fault.
        tried: number of injections.
        lost: trials that ended only in the undisturbed run, and trials that had ended and disappeared.
        repeated: trials that were started again under another number.
        decisions: records that differ from the journal, and results that differ from the undisturbed run.
        histories: histories that differ from the undisturbed run in anything but time.
        seconds: duration of the whole measurement.
        remarks: other violations, one line each.
        allowed_seconds: time for injecting faults, from `start_clock` on.
    """

    fault: str
    tried: int = 0
    lost: int = 0
    repeated: int = 0
    decisions: int = 0
    histories: int = 0
    seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)
    allowed_seconds: float = 0.0
    deadline: float = field(default=0.0, repr=False)

    def start_clock(self) -> None:
        """Start the time for injecting faults, again after a long set-up."""
        self.deadline = time.monotonic() + self.allowed_seconds

    @property
    def has_time(self) -> bool:
        """Return whether the deadline has not passed."""
        return time_left(self.deadline) > 0

    @property
    def goes_on(self) -> bool:
        """Return whether to inject another fault: there is time, or none was injected yet."""
        return self.has_time or not self.tried

    @property
    def is_clean(self) -> bool:
        """Return whether nothing was lost, repeated or different, and there are no remarks."""
        return not (self.lost or self.repeated or self.decisions or self.histories or self.remarks)

    def compare(
        self,
        folder: RunFolder,
        undisturbed: dict[Key, Ended],
        *,
        excluded_cells: Collection[Key] = (),
    ) -> None:
        """Count the differences of a run that has ended.

        Args:
            folder: folder of the run, on a disk.
            undisturbed: trials of the same run undisturbed.
            excluded_cells: cells in which a trial was made to end differently.
        """
        ended = {key: end for key, end in ended_trials(folder).items() if key[:-2] not in set(excluded_cells)}
        self.lost += len(undisturbed.keys() - ended.keys())
        if extra := ended.keys() - undisturbed.keys():
            self.remarks.append(f"{folder.name}: {len(extra)} trials that are not in the undisturbed run")
        for key in ended.keys() & undisturbed.keys():
            self.decisions += ended[key].decision != undisturbed[key].decision
            self.histories += ended[key].history != undisturbed[key].history
        self.check_journal(folder)

    def check_journal(self, folder: RunFolder) -> None:
        """Count trials that were started twice and records that are behind the journal."""
        records = records_of(folder)
        keys = Counter(key_of(record) for record in records)
        self.repeated += sum(count - 1 for count in keys.values())
        expected = {record.number: record.to_json() for record in journal_records(folder)}
        self.decisions += sum(expected.get(record.number) != record.to_json() for record in records)
        self.lost += len(expected.keys() - {record.number for record in records})


def records_of(folder: RunFolder) -> list[TrialRecord]:
    """Return all complete records by number; one that is being written is left out."""
    found = []
    for path in Path(str(folder.trials)).glob("*/record.json"):
        try:
            found.append(TrialRecord.from_json(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            continue
    return sorted(found, key=lambda record: record.number)


def ended_trials(folder: RunFolder) -> dict[Key, Ended]:
    """Return all trials that have ended."""
    found = {}
    for record in records_of(folder):
        summary = record.summary
        if summary is not None:
            decision = (summary.outcome, summary.reason, summary.updates, summary.score)
            found[key_of(record)] = Ended(decision, tuple(history_of(folder, record.number)))
    return found


def history_of(folder: RunFolder, number: int) -> list[dict[str, Any]]:
    """Return a trial's evaluations without their timings, or none if there is no history."""
    path = Path(str(folder.trial(number).history))
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


def journal_records(folder: RunFolder) -> list[TrialRecord]:
    """Return the records that the journal implies, read by Optuna alone."""
    storage = JournalStorage(JournalFileBackend(str(folder.journal)))
    return [
        record_of(trial)
        for study in storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id)
    ]


def key_of(record: TrialRecord) -> Key:
    """Return the key that identifies the trial in another run."""
    return (*record.cell.values(), record.recipe_index, record.seed)


def train_to_the_end(session: TrialSession) -> None:
    """Advance a session until it has a summary."""
    while session.summary is None:
        session.advance()


def time_left(deadline: float) -> float:
    """Return the seconds until a deadline by time.monotonic(), or 0 if it has passed."""
    return max(0.0, deadline - time.monotonic())
