"""The public API of `import failmap`. No function here has the name of a sub-module of `failmap`."""

from pathlib import Path

from failmap.analysis.diagnosis import Diagnosis, diagnose
from failmap.analysis.failure_map import FailureMap, build_map
from failmap.analysis.load import Run, find_run
from failmap.analysis.load import load_run as _load_run
from failmap.run_folder.storage import parse_location
from failmap.search.commands.table import COMMANDS


def run(*arguments: str) -> int:
    """Run a search and return its exit status, as `failmap run KEY=VALUE ...` does.

    Raises:
        UserError: An argument is wrong; one line for each mistake.
    """
    return COMMANDS["run"].run(arguments)


def check(*arguments: str) -> int:
    """Check trials before they are trained and return the exit status, as `failmap check KEY=VALUE ...` does.

    Raises:
        UserError: An argument is wrong; one line for each mistake.
    """
    return COMMANDS["check"].run(arguments)


def load_run(name: str, storage: str | Path = "runs") -> Run:
    """Return the run of a name in a storage: its configuration, its records and one table of all trials.

    Raises:
        UserError: There is no such run, or one of its files is corrupt.
    """
    return _load_run(find_run(name, storage))


def failure_map(run: Run) -> FailureMap:
    """Return the failure map of a run: every cell with its verdict, its trials and its cause."""
    return build_map(run)


def verdict(run: Run | str | Path, number: int = 0) -> Diagnosis | None:
    """Return why a trial ended as it did; None if it neither learned nor failed.

    Args:
        run: A run, or the path of its folder, such as that of a watched training.
        number: The trial's; a watched training is trial 0.

    Raises:
        UserError: The path is not a run's folder, or one of its files is corrupt.
        KeyError: The run has no trial of this number.
    """
    if isinstance(run, str | Path):
        folder = parse_location(str(run))
        run = _load_run(find_run(folder.name, str(folder.parent)))
    record = next((one for one in run.records if one.number == number), None)
    if record is None:
        raise KeyError(number)
    if record.purpose == "watched":
        return diagnose(record, run.history(number))
    return run.explanations[number].diagnosis
