"""The user's own code in a run: copied for its workers, and networks and tasks checked before it starts."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from failmap.datasets.config import OwnTaskConfig, TaskConfig
from failmap.models.config import OutputLayout, OwnModelConfig
from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import (
    OwnCode,
    copies_used,
    is_reference,
    read_own,
)
from failmap.run_folder.own_copies import OwnCodeNote, note_of, read_copy, store_copy
from failmap.run_folder.own_import import load_own
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.provenance import own_code_of
from failmap.search.config import RunConfig
from failmap.search.loading.combinations import combinations
from failmap.search.own.function import source_path
from failmap.search.space import Space
from failmap.search.trial.config import TrialConfig

if TYPE_CHECKING:
    from failmap.datasets.task import Task

#: Where a stored run's own code is taken from.
OwnCodeSource = Literal["files", "copies"]
OWN_CODE_HELP = (
    "execute own code as it is in its files now, or the copies of the run's last session, which the run's "
    "folder holds"
)
#: Steps of the inputs with which a network is checked at most: longer ones take time, and show no more.
MAX_CHECKED_STEPS = 50


def own_references(space: Space) -> list[str]:
    """Return every FILE.py:NAME that trials of a space may have, each once."""
    if space.own is not None:
        # Settings of an own function are its own affair, whatever they look like.
        path = source_path(space.own)
        return [] if path is None else [f"{path}:{space.own.function.rpartition(':')[2]}"]
    names: list[Any] = [space.base.get(group, {}).get("name") for group in ("task", "model")]
    names += (value for axis in space.axes for path in axis.paths for value in axis.values_at(path))
    texts = (name for name in names if isinstance(name, str) and is_reference(name) and ":" in name)
    return list(dict.fromkeys(texts))


def names_by_file(space: Space) -> dict[str, list[str]]:
    """Return the files of own code of a space, as they are named, with what trials use of each."""
    names: dict[str, list[str]] = {}
    for reference in own_references(space):
        file, _, name = reference.rpartition(":")
        names.setdefault(file, []).append(name)
    return names


def read_own_parts(space: Space) -> list[OwnCode]:
    """Return a space's own code as it is now, each file once.

    Raises:
        UserError: A file cannot be read, or two of them import different modules of one name.
    """
    codes = [read_own(file) for file in names_by_file(space)]
    found: dict[str, tuple[bytes, str]] = {}
    for code in codes:
        for module, content in list(code.contents.items())[1:]:
            other, file = found.setdefault(module, (content, code.file))
            if other != content:
                raise UserError(
                    f"{file} and {code.file} import different modules of the name {module}, and are "
                    "executed in one process: rename one of them"
                )
    return codes


def store_own_parts(space: Space, codes: Sequence[OwnCode], folder: RunFolder) -> list[OwnCodeNote]:
    """Copy a space's own code into the run's folder, and return its provenance. Raises OSError."""
    names = names_by_file(space)
    for code in codes:
        store_copy(code, folder.own_code)
    return [note_of(code, names[code.file]) for code in codes]


@contextmanager
def own_code_from(source: OwnCodeSource, folder: RunFolder, space: Space) -> Iterator[None]:
    """Take a stored run's own code from its files, or from the copies of its last session, within the block.

    A run's folder may come from elsewhere, so nothing in it is executed unless the user says so.

    Raises:
        UserError: A file or a copy is missing, or a copy is not what was stored.
    """
    notes = own_code_of(folder.provenance)
    codes, problems = list[OwnCode](), list[str]()
    for file in names_by_file(space):
        note = notes.get(file)
        if source == "copies":
            try:
                codes.append(read_copy(note or OwnCodeNote(file), folder.own_code))
            except FileNotFoundError:
                problems.append(f"own_code=copies: the run has no copy of {file}")
        elif note is not None and not Path(file).is_file():
            place = folder.own_code / note.digest
            problems.append(
                f"{file}: there is no such file; the run has a copy: read {place}, and add own_code=copies"
            )
    if problems:
        raise UserError(*problems)
    with copies_used(codes):
        yield


def check_own(config: RunConfig) -> None:
    """Hold own networks and tasks to their contracts, with all arguments that trials may have.

    Raises:
        UserError: With a line for each way in which one breaks its contract.
    """
    if not own_references(config.space):
        return
    trials = list(_trials(config.space))
    problems = _lines("task", _task_problems(trials)) or _lines("model", _model_problems(trials))
    if problems:
        raise UserError(*problems)


def _lines(group: str, problems: Iterable[tuple[OwnTaskConfig | OwnModelConfig, str]]) -> list[str]:
    """Return one line for each problem, with the first arguments that have it."""
    first: dict[tuple[str, str], OwnTaskConfig | OwnModelConfig] = {}
    for part, problem in problems:
        first.setdefault((part.name, problem), part)
    return [
        f"{group}={name}{f' with {part.args}' if part.args else ''}: {problem}"
        for (name, problem), part in first.items()
    ]


def _trials(space: Space) -> Iterator[TrialConfig]:
    for cell, recipe in combinations(space):
        try:
            yield space.built_in_trial(cell, recipe, seed=0)
        except ValidationError:  # pragma: no cover - combinations were validated as the space was built
            continue


def _task_problems(trials: Iterable[TrialConfig]) -> Iterator[tuple[OwnTaskConfig, str]]:
    """Yield how each own task breaks its contract, or why chance may meet its criterion."""
    # Imported here: it imports torch, which a run without own code need not wait for.
    from failmap.conformance import check_task

    asked = {
        (trial.task, trial.criterion.score): math.ceil(trial.train.max_updates / trial.train.evaluate_every)
        for trial in trials
        if isinstance(trial.task, OwnTaskConfig)
    }
    for (task, score), num_evaluations in asked.items():
        own: Any = load_own(task.name)
        found = check_task(own, args=task.args)
        found = found or list(_mismatches(task, own)) or list(_luck(task, num_evaluations, score))
        yield from ((task, problem) for problem in found)


def _mismatches(task: OwnTaskConfig, own: Any) -> Iterator[str]:
    """Yield where settings and the class disagree about its targets."""
    built = own(**task.args)
    stated = {"target": built.kind, "supervision": getattr(built, "supervision", "last")}
    for setting, value in stated.items():
        if (held := getattr(task, setting)) != value:
            yield f"task.{setting}={held}, and the class states {value}: leave task.{setting} out"


def _luck(task: OwnTaskConfig, num_evaluations: int, score: float | None) -> Iterator[str]:
    """Yield whether blind guessing may meet the criterion."""
    from failmap.datasets.criterion import is_beyond_chance
    from failmap.datasets.errors import TaskError

    try:
        built = _build(task)
    except TaskError as error:
        yield from error.problems
        return
    target = built.target_metric if score is None else task.metric_at_skill(score, built.chance)
    if not is_beyond_chance(task, target, built.chance, built.num_validation, num_evaluations):
        more = "set task.test_size higher" if built.num_train is None else "hold more of them"
        yield (
            f"{built.num_validation} validation sequences are too few to rule out that a guess blind to the "
            f"input reaches the criterion ({task.metric_name} {target:.3g}, chance "
            f"{built.chance.metric:.3g}): {more}, or set another criterion.score"
        )


def _model_problems(trials: Iterable[TrialConfig]) -> Iterator[tuple[OwnModelConfig, str]]:
    """Yield how each own network breaks its contract on the sizes of its tasks."""
    from failmap.conformance import check_model
    from failmap.models.own import takes_lengths

    tasks: dict[TaskConfig, Task] = {}
    # The longest inputs for each network, its arguments and the sizes that it is built with.
    cases: dict[tuple[OwnModelConfig, int, int, OutputLayout], int] = {}
    padded: set[OwnModelConfig] = set()
    for trial in trials:
        if not isinstance(trial.model, OwnModelConfig):
            continue
        task = tasks[trial.task] = tasks.get(trial.task) or _build(trial.task)
        case = (trial.model, task.input_size, task.output_size, trial.task.target_layout)
        cases[case] = max(cases.get(case, 1), min(task.num_steps, MAX_CHECKED_STEPS))
        if task.validation_set().lengths is not None:
            padded.add(trial.model)
    for (model, input_size, output_size, layout), num_steps in cases.items():
        own: Any = load_own(model.name)
        sizes: dict[str, int] = {"input_size": input_size, "output_size": output_size, "num_steps": num_steps}
        found = check_model(own, args=model.args, layout=layout, **sizes)
        if not found and model in padded and not takes_lengths(own(input_size, output_size, **model.args)):
            found = ["sequences are padded, and forward has no argument `lengths`"]
        yield from ((model, problem) for problem in found)


def _build(config: TaskConfig) -> Any:
    from failmap.datasets import build_task

    return build_task(config)
