"""Where everything of a run lies: the folders that a search and its readers share."""

import re
from dataclasses import dataclass
from pathlib import Path

from failmap.run_folder.storage import AnyPath, is_local, store_of


@dataclass(frozen=True)
class RunFolder:
    """Where everything of one run lies."""

    path: AnyPath

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.path.name

    @property
    def config(self) -> AnyPath:
        """The resolved configuration, complete."""
        return self.path / "config.yaml"

    @property
    def provenance(self) -> AnyPath:
        """Command, code revision, versions, hardware, and every session's start and end."""
        return self.path / "provenance.json"

    @property
    def journal(self) -> AnyPath:
        """Optuna's journal: the truth about every decision."""
        return self.path / "journal.log"

    @property
    def lock(self) -> AnyPath:
        """The folder of the terms of this run's drivers: who wrote it, and who does (`search.lease`)."""
        return self.path / "drivers"

    @property
    def own_cells(self) -> AnyPath:
        """Which cells a shard takes; missing where a run takes all."""
        return self.path / "own_cells.json"

    @property
    def stop(self) -> AnyPath:
        """Exists while workers are asked to checkpoint and stop."""
        return self.path / "stop"

    @property
    def stop_request(self) -> AnyPath:
        """Exists while somebody asks the driver to save and end; `stop` is its word to its workers."""
        return self.path / "stop_request"

    @property
    def costs(self) -> AnyPath:
        """Estimated seconds of one trial in each cell, on the machine of the last session."""
        return self.path / "costs.json"

    @property
    def table(self) -> AnyPath:
        """All records, one row a trial."""
        return self.path / "trials.parquet"

    @property
    def causes(self) -> AnyPath:
        """The verdicts on trials, kept for the next reader: disposable."""
        return self.path / "causes.jsonl"

    @property
    def report(self) -> AnyPath:
        """The folder of the report."""
        return self.path / "report"

    @property
    def trials(self) -> AnyPath:
        """The folder of the trials' folders."""
        return self.path / "trials"

    def trial(self, number: int) -> "TrialFolder":
        """Where one trial's files lie."""
        return TrialFolder(self.trials / str(number))


@dataclass(frozen=True)
class TrialFolder:
    """Where everything of one trial lies."""

    path: AnyPath

    @property
    def record(self) -> AnyPath:
        """What the driver says of the trial: a TrialRecord as JSON."""
        return self.path / "record.json"

    @property
    def attempt(self) -> AnyPath:
        """Which start of the trial may write here: a number."""
        return self.path / "attempt"

    @property
    def history(self) -> AnyPath:
        """What the worker measured: one Evaluation as JSON a line."""
        return self.path / "history.jsonl"

    @property
    def checkpoint(self) -> AnyPath:
        """From where the training goes on."""
        return self.path / "checkpoint"


CONFIG_NAME = "config.yaml"
MAX_LENGTH = 80

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def name_problem(name: str) -> str | None:
    """Why a name cannot be a run's, or None where it can."""
    if len(name) > MAX_LENGTH:
        return f"a run's name has at most {MAX_LENGTH} characters"
    if not _ALLOWED.fullmatch(name) or ".." in name:
        return "a run's name is letters, digits and . _ + - , begins with a letter or digit, and has no '..'"
    return None


def is_trial_number(name: str) -> bool:
    """Whether a folder is named as a trial's is."""
    return name.isascii() and name.isdecimal() and str(int(name)) == name


def names_of_runs(storage: AnyPath) -> list[str]:
    """The names of the folders that hold a run, sorted; none where the storage is missing."""
    store = store_of(storage)
    if is_local(storage):
        # Not read: it may be anything that somebody else put there.
        folder = Path(str(storage))
        return [name for name in store.list_folders(storage) if (folder / name / CONFIG_NAME).is_file()]
    configs = [storage / name / CONFIG_NAME for name in store.list_folders(storage)]
    return [config.parent.name for config in store.read_many(configs)]
