"""Looks at the files that trials will read, before any of them is begun."""

import math
from collections.abc import Iterator

from failmap.analysis.errors import UserError
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.search.config import RunConfig
from failmap.search.space import Space
from failmap.search.trial.config import TrialConfig


def check_files(config: RunConfig) -> None:
    """Reads every file that the user named, as each trial would, once for each of the tasks asked for.

    Raises:
        UserError: files are not what they must be, or leave too little to tell learning from luck. All
            mistakes are told at once.
    """
    trials = {
        (trial.task, trial.criterion.score): trial
        for trial in trials_of_tasks(config.space)
        if trial.task.source is not None
    }
    if not trials:
        return
    # These bring torch along, which a run that reads no files need not wait for.
    from failmap.datasets import build_task
    from failmap.datasets.criterion import check_criterion

    problems: dict[str, None] = {}
    for (task_config, score), trial in trials.items():
        num_evaluations = math.ceil(trial.train.max_updates / trial.train.evaluate_every)
        try:
            task = build_task(task_config)
            num_validation = len(task.validation_set().targets)
            check_criterion(task_config, num_evaluations, score, task.chance, num_validation)
        except TaskError as error:
            where = f"{task_config.source}: " if task_config.source_path else ""
            problems[f"{where}{error}"] = None
    if problems:
        raise UserError(*problems)


def with_sizes_of_its_file(trial: TrialConfig) -> TrialConfig:
    """The same trial with the sizes that its file really has, for estimates of what it costs."""
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
    """A trial of every cell, and of every value that a recipe may give to the task or the criterion."""
    for cell in space.cells():
        yield space.trial_config(cell, space.default_recipe(cell), 0)
        for axis in space.recipe_axes:
            if axis.path.partition(".")[0] not in ("task", "criterion"):
                continue
            for value in axis.grid():
                yield space.trial_config(cell, space.complete(cell, {axis.path: value}), 0)
