"""The paths of a run folder, which a search and its readers share, and the names of runs."""

import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import AnyPath, check_location, is_local, store_of

MAX_LENGTH = 80
#: Name of the file with a state, in the folders `checkpoint` and `final`.
STATE_FILE = "state.safetensors"
#: Names of the files with a trial's weights, and with what new data need beside them.
WEIGHTS_FILE, PREPROCESSING_FILE = "weights.safetensors", "preprocessing.json"

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class _Child:
    """A path of a fixed name in a folder."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, folder: "RunFolder | TrialFolder", owner: type) -> AnyPath:
        return folder.path / self.name


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run.

    Attributes:
        config: The resolved configuration, complete.
        provenance: Command, code revision, versions, hardware, and every session's start and end.
        journal: Optuna's journal, the source of truth for every decision.
        lock: The folder of the drivers' terms (`search.lease`).
        own_cells: The cells of a shard; missing if the run takes all.
        stop: A flag that exists while workers are asked to checkpoint and stop.
        stop_request: A file that exists while the driver is asked to end; `stop` is its request to the
            workers.
        costs: Estimated seconds of one trial in each cell, on the machine of the last session.
        importance: How much each axis matters to what the run optimises, or to learning.
        table: The table of all records, one row a trial.
        causes: The verdicts on trials: a cache, which may be deleted.
        report: The folder of the report.
        futility: The folder of the rules by which hopeless trials are stopped.
        own_code: The folder of copies of the user's own training function, by digest.
        trials: The folder of the trials' folders.
    """

    path: AnyPath

    config = _Child("config.yaml")
    provenance = _Child("provenance.json")
    journal = _Child("journal.log")
    lock = _Child("drivers")
    own_cells = _Child("own_cells.json")
    stop = _Child("stop")
    stop_request = _Child("stop_request")
    costs = _Child("costs.json")
    importance = _Child("importance.json")
    table = _Child("trials.parquet")
    causes = _Child("causes.jsonl")
    report = _Child("report")
    futility = _Child("futility")
    own_code = _Child("own_code")
    trials = _Child("trials")

    @property
    def name(self) -> str:
        """Return the run's name, which is its folder's."""
        return self.path.name

    def trial(self, number: int) -> "TrialFolder":
        """Return the paths of one trial."""
        return TrialFolder(self.trials / str(number))


@dataclass(frozen=True)
class TrialFolder:
    """The paths of one trial.

    Attributes:
        record: The driver's record of the trial: a TrialRecord as JSON.
        attempt: The number of the attempt that may write here.
        history: The worker's measurements: one Evaluation as JSON a line.
        checkpoint: The state from which the training continues.
        final: The state at the end of a failed training, from which another trial may continue.
        output: What the user's own training function has printed.
    """

    path: AnyPath

    record = _Child("record.json")
    attempt = _Child("attempt")
    history = _Child("history.jsonl")
    checkpoint = _Child("checkpoint")
    final = _Child("final")
    output = _Child("output.log")


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


def check_storage(storage: AnyPath) -> None:
    """Check that a folder of runs can be read. The default one, `runs`, is made by the first run.

    Raises:
        UserError: It cannot be reached, or there is no such folder.
    """
    check_location(storage)
    if not is_local(storage) or str(storage) == "runs" or Path(str(storage)).is_dir():
        return
    path = Path(str(storage))
    problem = "is not a folder" if path.exists() else "no such folder"
    siblings: list[str] = []
    with suppress(OSError):
        siblings = [other.name for other in path.parent.iterdir() if other.is_dir()]
    close = get_close_matches(path.name, siblings, n=1)
    raise UserError(
        f"storage={storage}: {problem}{f'; did you mean {path.parent / close[0]}?' if close else ''}"
    )


def names_of_runs(storage: AnyPath) -> list[str]:
    """Return the sorted names of the folders that hold a run; none if the storage is missing."""
    names = store_of(storage).list_folders(storage)
    if is_local(storage):
        # Not read: it may be anything that somebody else put there.
        return [name for name in names if Path(str(RunFolder(storage / name).config)).is_file()]
    configs = [RunFolder(storage / name).config for name in names]
    return [config.parent.name for config in store_of(storage).read_many(configs)]
