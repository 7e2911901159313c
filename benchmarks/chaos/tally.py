"""What became of a run under a fault, counted against the same run undisturbed."""

import json
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

#: A trial, whatever its number: its cell, its recipe's index and its seed.
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Ended:
    """What a trial that ended left behind, without timings.

    Attributes:
        decision: outcome, reason, updates and score.
        history: every evaluation.
    """

    decision: tuple[Any, ...]
    history: tuple[dict[str, Any], ...]


@dataclass
class Tally:
    """What one kind of fault cost, over all runs that met it.

    Attributes:
        fault: its name.
        tried: how often it was injected.
        lost: trials that the undisturbed run has and the disturbed one has not ended, and trials that had
            ended and were gone later.
        repeated: trials begun a second time under another number.
        decisions: records that differ from the journal, and ends that differ from the undisturbed run's.
        histories: histories that differ from the undisturbed run's in anything but time.
        remarks: whatever else went otherwise than promised, a line each.
    """

    fault: str
    tried: int = 0
    lost: int = 0
    repeated: int = 0
    decisions: int = 0
    histories: int = 0
    seconds: float = 0.0
    remarks: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, repeated or different, and nothing is to be remarked."""
        return not (self.lost or self.repeated or self.decisions or self.histories or self.remarks)

    def compare(
        self,
        folder: RunFolder,
        undisturbed: dict[Key, Ended],
        *,
        cells_left_out: Collection[Key] = (),
        has_journal_file: bool = True,
    ) -> None:
        """Counts how a run that came to its end differs.

        Args:
            folder: of the run, on a disk.
            undisturbed: the same run's trials as they end when nobody disturbs them.
            cells_left_out: cells in which a trial was made to end otherwise.
            has_journal_file: whether the journal is a file of the folder, to compare the records with.
        """
        ended = {key: end for key, end in ended_trials(folder).items() if key[:-2] not in set(cells_left_out)}
        self.lost += len(undisturbed.keys() - ended.keys())
        if incompatibilities := ended.keys() - undisturbed.keys():
            self.remarks.append(
                f"{folder.name}: {len(incompatibilities)} trials that the undisturbed run has not"
            )
        for key in ended.keys() & undisturbed.keys():
            self.decisions += ended[key].decision != undisturbed[key].decision
            self.histories += ended[key].history != undisturbed[key].history
        self.check_journal(folder, has_journal_file=has_journal_file)

    def check_journal(self, folder: RunFolder, *, has_journal_file: bool = True) -> None:
        """Counts what is wrong with a run by itself: trials begun twice, records behind the journal."""
        records = records_of(folder)
        keys = Counter(key_of(record) for record in records)
        self.repeated += sum(count - 1 for count in keys.values())
        if has_journal_file:
            told = {record.number: record.to_json() for record in journal_records(folder)}
            self.decisions += sum(told.get(record.number) != record.to_json() for record in records)
            self.lost += len(told.keys() - {record.number for record in records})


def records_of(folder: RunFolder) -> list[TrialRecord]:
    """Every record that can be read whole, in the order of numbers; one being written is left out."""
    found = []
    for path in Path(str(folder.trials)).glob("*/record.json"):
        try:
            found.append(TrialRecord.from_json(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            continue
    return sorted(found, key=lambda record: record.number)


def ended_trials(folder: RunFolder) -> dict[Key, Ended]:
    """Every trial that has ended."""
    found = {}
    for record in records_of(folder):
        summary = record.summary
        if summary is not None:
            decision = (summary.outcome, summary.reason, summary.updates, summary.score)
            found[key_of(record)] = Ended(decision, tuple(history_of(folder, record.number)))
    return found


def history_of(folder: RunFolder, number: int) -> list[dict[str, Any]]:
    """A trial's evaluations without their timings; none where it never came to one."""
    path = Path(str(folder.trial(number).history))
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


def journal_records(folder: RunFolder) -> list[TrialRecord]:
    """What the journal says that the records must say, read by Optuna alone."""
    storage = JournalStorage(JournalFileBackend(str(folder.journal)))
    return [
        record_of(trial)
        for study in storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id)
    ]


def key_of(record: TrialRecord) -> Key:
    """What makes it the same trial in two runs."""
    return (*record.cell.values(), record.recipe_index, record.seed)
