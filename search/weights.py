"""Looks at the stored weights that trials will begin with, before any of them is begun."""

from collections.abc import Iterator

from failmap.analysis.errors import UserError
from failmap.analysis.storage import AnyPath, place_of
from failmap.datasets.config import TaskConfig
from failmap.models.config import RecurrentConfig
from failmap.search.config import RunConfig
from failmap.search.loading.combinations import combinations
from failmap.search.space import Space
from failmap.search.trial.config import TrialConfig


def check_weights(config: RunConfig) -> None:
    """Finds what `model.start_from` names, and tries whether a lower layer of each network fits.

    Raises:
        UserError: a run, a trial or its weights are missing, or no lower layer fits. All mistakes are told
            at once.
    """
    problems: dict[str, None] = {}
    for task, model in dict.fromkeys(_beginnings(config.space)):
        try:
            _check(task, model, place_of(config.storage))
        except UserError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise UserError(*problems)


def _beginnings(space: Space) -> Iterator[tuple[TaskConfig, RecurrentConfig]]:
    """The task, and the network up to its lowest layer, of every trial that begins with stored weights.

    Where more trials are possible than are tried as combinations, each recipe value is tried alone.
    """
    paths = {path for axis in space.axes for path in axis.paths}
    if not (space.base["model"].get("start_from") or "model.start_from" in paths):
        return
    for cell, recipe in combinations(space):
        values = space.trial_values(cell, recipe, seed=0)
        if values["model"].get("start_from") is None:
            continue
        trial = TrialConfig.model_validate(values)
        assert isinstance(trial.model, RecurrentConfig), "only these start from others"
        lowest = {"depth": 1, "widths": None, "hidden_size": trial.model.layer_widths[0], "frozen_layers": 0}
        yield trial.task, trial.model.model_copy(update={**lowest, "initialization": "torch"})


def _check(task_config: TaskConfig, model: RecurrentConfig, storage: AnyPath) -> None:
    """Raises UserError where a network of one layer cannot begin as it is to."""
    # These bring torch along, which a run that starts from nothing need not wait for.
    import torch

    from failmap.datasets import build_task
    from failmap.models.network import Interface
    from failmap.models.recurrent import RecurrentNetwork
    from failmap.search.trial.reuse import start_from, stored_weights

    assert model.start_from is not None
    # First, for it takes no time, and a task may.
    stored_weights(model.start_from, storage)
    task = build_task(task_config)
    # Shapes decide, so that nothing is drawn or stored.
    with torch.device("meta"):
        network = RecurrentNetwork(model, Interface(task.input_size, task.output_size, task.num_steps))
    start_from(network, model.start_from, storage)
