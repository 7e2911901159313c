"""The user's own networks and tasks in a run: checked before it starts, and named in its provenance."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from failmap.datasets.config import OwnTaskConfig, TaskConfig
from failmap.models.config import OutputLayout, OwnModelConfig
from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import OwnCodeNote, describe_own, is_reference, load_own
from failmap.search.config import RunConfig
from failmap.search.loading.combinations import combinations
from failmap.search.space import Space
from failmap.search.trial.config import TrialConfig

if TYPE_CHECKING:
    from failmap.datasets.task import Task

#: Steps of the inputs with which a network is checked at most: longer ones take time, and show no more.
MAX_CHECKED_STEPS = 50


def own_references(space: Space) -> list[str]:
    """Return every FILE.py:NAME that trials of a space may have, each once."""
    names: list[Any] = [space.base.get(group, {}).get("name") for group in ("task", "model")]
    names += (value for axis in space.axes for path in axis.paths for value in axis.values_at(path))
    texts = (name for name in names if isinstance(name, str) and is_reference(name) and ":" in name)
    return list(dict.fromkeys(texts))


def describe_own_parts(space: Space) -> list[OwnCodeNote]:
    """Return the provenance of a space's own code. Raises UserError if a file is missing."""
    return [describe_own(reference) for reference in own_references(space)]


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
