"""Where everything of a run lies: the folders that a search and its readers share."""

from dataclasses import dataclass

from failmap.analysis.storage.place import AnyPath


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
        """The folder of the terms of this run's drivers: who wrote it, and who does (`search.lock`)."""
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
