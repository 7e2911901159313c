"""Looks at the files that trials will read, before any of them is begun."""

from analysis.errors import UserError
from datasets.config import MnistConfig
from search.config import RunConfig


def check_files(config: RunConfig) -> None:
    """Reads the files that the user named, once. Raises UserError where they are not what they must be."""
    space = config.space
    tasks = {
        (task.folder, task.test_size): task
        for cell in space.cells()
        if isinstance(task := space.trial_config(cell, space.default_recipe(cell), 0).task, MnistConfig)
        and task.folder is not None
    }
    if not tasks:
        return
    # These bring torch along, which a run that reads no files need not wait for.
    from datasets import build_task
    from datasets.errors import TaskError

    problems = []
    for task in tasks.values():
        try:
            build_task(task)
        except TaskError as error:
            problems.append(f"task.folder={task.folder}: {error}")
    if problems:
        raise UserError(*problems)
