"""The public API of `import failmap`. No function here has the name of a sub-module of `failmap`."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failmap.analysis.diagnosis import Diagnosis, diagnose
from failmap.analysis.load import Run, find_run
from failmap.analysis.load import load_run as _load_run
from failmap.analysis.map.failure_map import FailureMap, build_map
from failmap.datasets.errors import TaskError
from failmap.run_folder.errors import UserError
from failmap.run_folder.own_import import refuse_while_importing
from failmap.run_folder.storage import parse_location
from failmap.search.commands.table import COMMANDS
from failmap.search.own.function import TrainFunction, location_of

if TYPE_CHECKING:
    from failmap.search.trial.trained import TrainedModel


def run(
    train: str | TrainFunction = "", space: str | Path | Mapping[str, Any] = "", /, *arguments: str
) -> int:
    """Run a search and return its exit status.

    `failmap.run("KEY=VALUE", ...)` is `failmap run KEY=VALUE ...`; `failmap.run(train, space)` searches over
    an own training function, see `run_function`.

    Raises:
        UserError: An argument is wrong; one line for each mistake.
    """
    if callable(train):
        return run_function(train, space, *arguments)
    words = [word for word in (train, space, *arguments) if word != ""]
    if not all(isinstance(word, str) for word in words):
        raise UserError("failmap.run: takes KEY=VALUE texts, or a function and its space")
    return COMMANDS["run"].run([str(word) for word in words])


def run_function(train: TrainFunction, space: str | Path | Mapping[str, Any], *arguments: str) -> int:
    """Search over an own training function and return the exit status (docs/own_training.md).

    Args:
        train: A function at the top level of a file, called as train(config, trial). In a script, call this
            below `if __name__ == "__main__":`, because workers import the file.
        space: The path of the space's YAML file, or its content.
        arguments: Further ones, such as "run=mine" and "budget.minutes=10".

    Raises:
        UserError: The function cannot be found by workers, or an argument is wrong; one line each.
    """
    refuse_while_importing()
    location = location_of(train)
    if not isinstance(space, Mapping):
        return COMMANDS["run"].run([f"train={location}", f"space={space}", *arguments])
    with tempfile.TemporaryDirectory(prefix="failmap-space-") as folder:
        path = Path(folder) / f"{location.rpartition(':')[2]}.yaml"
        # JSON is YAML.
        path.write_text(json.dumps(space), encoding="utf-8")
        return COMMANDS["run"].run([f"train={location}", f"space={path}", *arguments])


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


def load_model(run: str, trial: int, storage: str | Path = "runs") -> "TrainedModel":
    """Return the network of a trial whose weights were kept, with `.network` and `.predict(values)`.

    Raises:
        UserError: There is no such run, the trial has kept no weights, or the task's files are missing.
    """
    # Not imported above: reading runs needs no torch.
    from failmap.search.trial.trained import load_trained

    folder = find_run(run, storage)
    try:
        return load_trained(folder, trial)
    except FileNotFoundError:
        raise UserError(f"trial {trial} of run {run}: kept no weights (keep=best, learned or all)") from None
    except TaskError as error:
        raise UserError(*error.problems) from None


def failure_map(run: Run) -> FailureMap:
    """Return the failure map of a run: every cell with its verdict, its trials and its cause.

    Raises:
        UserError: The run looks for the best recipe, and has no map.
    """
    if run.config.objectives:
        raise UserError(f"run {run.folder.name}: has no map, for its goal is the best recipe: failmap best")
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
