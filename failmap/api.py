"""The public API of `import failmap`. No function here has the name of a sub-module of `failmap`."""

from pathlib import Path

from failmap.analysis.diagnosis import Diagnosis
from failmap.analysis.failure_map import FailureMap, build_map
from failmap.analysis.load import Run, find_run
from failmap.analysis.load import load_run as _load_run
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


def verdict(run: Run, number: int) -> Diagnosis | None:
    """Return why a trial of a run ended as it did; None if it neither learned nor failed.

    Raises:
        KeyError: The run has no trial of this number.
    """
    return run.explanations[number].diagnosis
