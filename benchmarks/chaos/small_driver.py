"""A driver without Ray: study, lifecycle and worker in one process, so that hundreds of kills take seconds.

A fork server has everything imported, so a driver starts within milliseconds.
"""

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import write_atomically
from failmap.search.loading import load, to_yaml
from failmap.search.shutdown import Shutdown
from failmap.search.study import Study
from failmap.search.trial_lifecycle import TrialLifecycle
from failmap.search.worker import Worker

#: Modules that the first training imports late.
WARM = ("failmap.search.trial.session", "failmap.search.cost", "failmap.datasets.sums", "torch._dynamo")

#: Trials of a few hundredths of a second, with dropout, whose random state must resume too.
SMALL_ARGUMENTS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=5,10",
    "model.depth=1,2",
    "model.dropout=0.1",
    "train.max_updates=40",
    "train.evaluate_every=5",
    "task.test_size=64",
    "budget.seeds=1",
    "budget.max_seeds=2",
)


def small_arguments(storage: Path, run: str, *more: str) -> list[str]:
    """Return the arguments of the small run in a storage folder."""
    return [*SMALL_ARGUMENTS, *more, f"storage={storage}", f"run={run}"]


def search(arguments: Sequence[str], notice: Callable[[str], None] = lambda line: None) -> None:
    """Start or resume a run, and run its trials one after another until the study ends.

    Raises:
        UserError: if another driver is running, the disk is full, or the like.
    """
    config = load(arguments)
    folder = RunFolder(Path(config.storage) / config.run)
    study = Study.open(config, folder, notice)
    try:
        write_atomically(folder.config, to_yaml(config))
        lifecycle = TrialLifecycle(study, config.cluster.retries, Shutdown(folder, None))
        worker = Worker(folder, device="cpu", num_threads=1, keep=config.keep, test=False)
        while (started := lifecycle.begin("trial")) is not None:
            worker.begin(started["number"], started["attempt"])
            result = worker.advance()
            while not result["done"] and not lifecycle.report("trial", result):
                result = worker.advance()
            lifecycle.end("trial", result)
        if lifecycle.error is not None:
            raise lifecycle.error
    finally:
        study.close()


def _search_or_refuse(arguments: Sequence[str]) -> None:
    """Search; exit with status 2 on a user's mistake."""
    try:
        search(arguments)
    except UserError:
        sys.exit(2)


def start_search(arguments: Sequence[str]) -> ForkServerProcess:
    """Start a driver in a separate process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *WARM])
    process = context.Process(target=_search_or_refuse, args=(list(arguments),), daemon=True)
    process.start()
    return process


if __name__ == "__main__":
    _search_or_refuse(sys.argv[1:])
