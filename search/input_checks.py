"""Checks of what trials need, before any is started: files, precision, and stored weights."""

import math
from collections.abc import Iterator, Sequence
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import NotRequired, TypedDict

from failmap.datasets.config import ArrayFileConfig, OwnTaskConfig, TaskConfig
from failmap.datasets.errors import TaskError
from failmap.models.config import RecurrentConfig
from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import OwnCode
from failmap.run_folder.own_copies import OwnCodeNote
from failmap.run_folder.storage import AnyPath, parse_location
from failmap.search.config import RunConfig
from failmap.search.loading.combinations import combinations
from failmap.search.machine import check_resources
from failmap.search.own.function import check_function
from failmap.search.own_parts import check_own
from failmap.search.space import Space
from failmap.search.trial.config import TrialConfig

#: The four files in a folder of digits, whole or compressed.
_DIGIT_FILES = "*-idx[13]-ubyte*"


class FileState(TypedDict):
    """The size and digest of a file, by which a change is noticed.

    Attributes:
        bytes: The size.
        blake2b: The digest of the contents, in hexadecimal digits.
        revision: Of code: the git revision of its repository, or None if it is in none.
    """

    bytes: int
    blake2b: str
    revision: NotRequired[str | None]


def check_all(config: RunConfig) -> None:
    """Check everything that can be checked here before a run is begun, continued or planned.

    Raises:
        UserError: With a line for each mistake.
    """
    problems: list[str] = []
    own = config.space.own
    checks = (check_files, check_device, check_own) if own is None else (_check_function,)
    for check in (lambda config: check_resources(config.cluster), *checks):
        try:
            check(config)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(*problems)
    if own is None:
        # Last: it builds the tasks, whose files must be valid.
        check_weights(config)


def _check_function(config: RunConfig) -> None:
    """Import the user's own training function. Raises UserError if it cannot be called."""
    assert config.space.own is not None
    check_function(config.space.own)


def check_files(config: RunConfig) -> None:
    """Read every file that the user named as a trial would, once per task.

    Raises:
        UserError: Files are invalid, or have too few examples to tell learning from luck; one line for each.
    """
    read = (trial for trial in trials_of_tasks(config.space) if trial.task.source is not None)
    trials = {(trial.task, trial.criterion.score): trial for trial in read}
    if not trials:
        return
    # Imported here: they import torch, which a run without files need not wait for.
    from failmap.datasets import build_task
    from failmap.datasets.array_file import ArrayFile
    from failmap.datasets.criterion import check_criterion
    from failmap.datasets.files.criterion import check_luck

    problems: dict[str, None] = {}
    for (task_config, score), trial in trials.items():
        num_evaluations = math.ceil(trial.train.max_updates / trial.train.evaluate_every)
        try:
            task = build_task(task_config)
            if isinstance(task, ArrayFile):
                check_luck(task, num_evaluations, score)
            else:
                check_criterion(task_config, num_evaluations, score, task.chance)
        except TaskError as error:
            where = f"{task_config.source}: " if task_config.source_path else ""
            problems.update(dict.fromkeys(f"{where}{problem}" for problem in error.problems))
    if problems:
        raise UserError(*problems)


def check_device(config: RunConfig) -> None:
    """Raise UserError if trials use a precision that this machine does not support.

    Trials on a cluster check this themselves: their machines may differ from this one.
    """
    space = config.space
    precisions = [value for axis in space.axes for value in axis.values_at("train.precision")]
    wanted = {space.base.get("train", {}).get("precision", "fp32"), *precisions} - {"fp32"}
    if not wanted or config.cluster.address != "local":
        return
    # Imported here: a run in fp32 need not wait for torch.
    import torch

    from failmap.search.trial.precision import PrecisionError, check_precision

    # As in the executor: a GPU if there is one, unless the user wants none.
    uses_gpu = config.cluster.gpus_per_trial != 0 and torch.cuda.is_available()
    problems = []
    for precision in sorted(wanted):
        try:
            check_precision(precision, torch.device("cuda" if uses_gpu else "cpu"))
        except PrecisionError as error:
            problems.append(str(error))
    if problems:
        raise UserError(*problems)


def check_weights(config: RunConfig) -> None:
    """Find the weights that `model.start_from` names, and check that the lowest layer of each network fits.

    Raises:
        UserError: A run, a trial or its weights are missing, or no layer fits; one line for each.
    """
    problems: list[str] = []
    for task, model in dict.fromkeys(_warm_started(config.space)):
        try:
            _check_warm_start(task, model, parse_location(config.storage))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(*dict.fromkeys(problems))


def states_of_files(space: Space) -> dict[str, FileState]:
    """Return the state of every data file that trials of a space read, by its path as given.

    Raises:
        UserError: A file cannot be read.
    """
    if space.own is not None:
        return {}
    sources = dict.fromkeys(path for trial in trials_of_tasks(space) for path in trial.task.source_paths)
    states = {}
    for source in (Path(source) for source in sources if source):
        for path in sorted(source.glob(_DIGIT_FILES)) if source.is_dir() else [source]:
            states[str(path)] = _state(path)
    return states


def states_of_code(codes: Sequence[OwnCode], notes: Sequence[OwnCodeNote]) -> dict[str, FileState]:
    """Return the state of every file of own code, by its path; relative if the user's is."""
    return {
        str(Path(code.file) if module == code.path.name else Path(code.file).parent / module): {
            "bytes": len(content),
            "blake2b": blake2b(content).hexdigest(),
            "revision": note.revision,
        }
        for code, note in zip(codes, notes, strict=True)
        for module, content in code.contents.items()
    }


def with_sizes_of_its_file(trial: TrialConfig) -> TrialConfig:
    """Return the trial with the actual sizes of its file or own task, for estimates of its cost."""
    if isinstance(trial.task, OwnTaskConfig):
        from failmap.datasets import build_task

        built = build_task(trial.task)
        return trial.model_copy(update={"task": trial.task.with_sizes(built.num_steps, built.input_size)})
    if not isinstance(trial.task, ArrayFileConfig):
        return trial
    from failmap.datasets import build_task

    task = build_task(trial.task)
    sizes = {
        "sequence_length": task.num_steps,
        "test_size": 2 * len(task.validation_set().inputs),
        "train_size": task.num_train,
    }
    return trial.model_copy(update={"task": trial.task.model_copy(update=sizes)})


def trials_of_tasks(space: Space) -> Iterator[TrialConfig]:
    """Yield a trial of every cell, and of every value that a recipe may set in the task or the criterion."""
    for cell in space.cells():
        yield space.built_in_trial(cell, space.default_recipe(cell), 0)
        for axis in space.recipe_axes:
            if axis.path.partition(".")[0] not in ("task", "criterion"):
                continue
            for value in axis.grid():
                yield space.built_in_trial(cell, space.complete(cell, {axis.path: value}), 0)


def _state(path: Path) -> FileState:
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "blake2b")
            return {"bytes": file.tell(), "blake2b": digest.hexdigest()}
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _warm_started(space: Space) -> Iterator[tuple[TaskConfig, RecurrentConfig]]:
    """Yield the task and the lowest layer of the network of every trial that starts from stored weights.

    If there are too many combinations of recipe values, each value is tried alone.
    """
    paths = {path for axis in space.axes for path in axis.paths}
    if not (space.base["model"].get("start_from") or "model.start_from" in paths):
        return
    for cell, recipe in combinations(space):
        values = space.trial_values(cell, recipe, seed=0)
        if values["model"].get("start_from") is None:
            continue
        trial = TrialConfig.model_validate(values)
        assert isinstance(trial.model, RecurrentConfig), "only recurrent networks start from stored weights"
        lowest = {"depth": 1, "widths": None, "hidden_size": trial.model.layer_widths[0], "frozen_layers": 0}
        yield trial.task, trial.model.model_copy(update={**lowest, "initialization": "torch"})


def _check_warm_start(task_config: TaskConfig, model: RecurrentConfig, storage: AnyPath) -> None:
    """Raise UserError if a network of one layer cannot start from its weights."""
    # Imported here: they import torch, which a run without stored weights need not wait for.
    import torch

    from failmap.datasets import build_task
    from failmap.models.network import Interface
    from failmap.models.recurrent import RecurrentNetwork
    from failmap.search.trial.checkpoint import start_from, stored_weights

    assert model.start_from is not None
    # First: it is fast, and building a task may not be.
    stored_weights(model.start_from, storage)
    task = build_task(task_config)
    # Only shapes matter: on this device nothing is drawn or stored.
    with torch.device("meta"):
        network = RecurrentNetwork(model, Interface(task.input_size, task.output_size, task.num_steps))
    start_from(network, model.start_from, storage)
