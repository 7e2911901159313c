"""The paths of a run folder, which a search and its readers share, and the names of runs."""

import re
from dataclasses import dataclass
from pathlib import Path

from failmap.run_folder.storage import AnyPath, is_local, store_of


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    path: AnyPath

    @property
    def name(self) -> str:
        """The run's name, which is its folder's."""
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
        """Optuna's journal, the source of truth for every decision."""
        return self.path / "journal.log"

    @property
    def lock(self) -> AnyPath:
        """The folder of the drivers' terms (`search.lease`)."""
        return self.path / "drivers"

    @property
    def own_cells(self) -> AnyPath:
        """The cells of a shard; missing if the run takes all."""
        return self.path / "own_cells.json"

    @property
    def stop(self) -> AnyPath:
        """A flag that exists while workers are asked to checkpoint and stop."""
        return self.path / "stop"

    @property
    def stop_request(self) -> AnyPath:
        """A file that exists while the driver is asked to end; `stop` is its request to the workers."""
        return self.path / "stop_request"

    @property
    def costs(self) -> AnyPath:
        """Estimated seconds of one trial in each cell, on the machine of the last session."""
        return self.path / "costs.json"

    @property
    def table(self) -> AnyPath:
        """The table of all records, one row a trial."""
        return self.path / "trials.parquet"

    @property
    def causes(self) -> AnyPath:
        """The verdicts on trials: a cache, which may be deleted."""
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
        """Return the paths of one trial."""
        return TrialFolder(self.trials / str(number))


@dataclass(frozen=True)
class TrialFolder:
    """The paths of one trial."""

    path: AnyPath

    @property
    def record(self) -> AnyPath:
        """The driver's record of the trial: a TrialRecord as JSON."""
        return self.path / "record.json"

    @property
    def attempt(self) -> AnyPath:
        """The number of the attempt that may write here."""
        return self.path / "attempt"

    @property
    def history(self) -> AnyPath:
        """The worker's measurements: one Evaluation as JSON a line."""
        return self.path / "history.jsonl"

    @property
    def checkpoint(self) -> AnyPath:
        """The state from which the training continues."""
        return self.path / "checkpoint"


CONFIG_NAME = "config.yaml"
MAX_LENGTH = 80

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def name_problem(name: str) -> str | None:
    """Return why a name cannot be a run's, or None if it can."""
    if len(name) > MAX_LENGTH:
        return f"a run's name has at most {MAX_LENGTH} characters"
    if not _ALLOWED.fullmatch(name) or ".." in name:
        return "a run's name is letters, digits and . _ + - , begins with a letter or digit, and has no '..'"
    return None


def is_trial_number(name: str) -> bool:
    """Return whether a folder has the name of a trial's folder."""
    return name.isascii() and name.isdecimal() and str(int(name)) == name


def names_of_runs(storage: AnyPath) -> list[str]:
    """Return the sorted names of the folders that hold a run; none if the storage is missing."""
    store = store_of(storage)
    if is_local(storage):
        # Not read: it may be anything that somebody else put there.
        folder = Path(str(storage))
        return [name for name in store.list_folders(storage) if (folder / name / CONFIG_NAME).is_file()]
    configs = [storage / name / CONFIG_NAME for name in store.list_folders(storage)]
    return [config.parent.name for config in store.read_many(configs)]
