"""Export of a recipe: as YAML, arguments, lines of PyTorch, and a snippet that loads its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from failmap.analysis.best.leaderboard import Leaderboard, kept_weights
from failmap.analysis.best.ranking import RankedRecipe
from failmap.analysis.load import Run
from failmap.run_folder.command_lines import command_line
from failmap.run_folder.parsing import flatten
from failmap.run_folder.paths import PREPROCESSING_FILE, WEIGHTS_FILE
from failmap.search.loading.validation import shown
from failmap.search.own.config import OwnTrialConfig, parse_trial_config
from failmap.search.trial.config import TrialConfig


@dataclass(frozen=True)
class ExportedRecipe:
    """A recipe in every form.

    Attributes:
        trial: The trial that the forms describe: the recipe's best one with weights, if any has weights.
        yaml: A space with this recipe alone, which `failmap run space=FILE` trains again; for an own function
            its settings.
        arguments: The same as a command line of `failmap check`; for an own function its settings as
            arguments.
        torch: Lines of PyTorch; '' if the network is none of torch's own, or the function is the user's.
        why_not_torch: Why there are none; '' if there are.
        weights: Trials of the recipe whose weights are kept.
        snippet: Lines that load the weights and predict; '' if none are kept.
    """

    trial: int
    yaml: str
    arguments: str
    torch: str
    why_not_torch: str
    weights: tuple[int, ...]
    snippet: str


def export_recipe(run: Run, board: Leaderboard, recipe: RankedRecipe) -> ExportedRecipe:
    """Export a recipe of a run. Lines of PyTorch need the task's files where they were."""
    weights = kept_weights(run, recipe)
    records = [one for one in run.records if one.number in recipe.numbers and one.objectives]
    if weights and recipe.best_trial not in weights:
        records = [one for one in records if one.number in weights] or records
    sign = board.objectives[0].sign
    record = max(records, key=lambda one: sign * one.objectives[0])
    number = record.number
    config = parse_trial_config(record.config)
    if isinstance(config, OwnTrialConfig):
        settings = yaml.safe_dump(dict(config.settings), sort_keys=False)
        arguments = " ".join(f"{path}={shown(value)}" for path, value in config.settings.items())
        return ExportedRecipe(number, settings, arguments, "", "the training function is your own", (), "")
    changes = differing_settings(config)
    code, why_not = _torch(run, config, number)
    return ExportedRecipe(
        number,
        _as_space(run, config, changes),
        command_line(
            "check",
            f"task={config.task.name}",
            f"model={config.model.name}",
            *(f"{path}={shown(value)}" for path, value in changes.items()),
        ),
        code,
        why_not,
        tuple(weights),
        _snippet(run, number) if weights else "",
    )


def differing_settings(config: TrialConfig) -> dict[str, Any]:
    """Return the settings of a trial that differ from the defaults of its task and network, by path."""
    names = {"task": {"name": config.task.name}, "model": {"name": config.model.name}}
    default = dict(flatten(TrialConfig.model_validate(names).model_dump(mode="json")))
    own = dict(flatten(config.model_dump(mode="json")))
    return {
        path: value
        for path, value in own.items()
        if path != "seed" and (path not in default or default[path] != value)
    }


def _as_space(run: Run, config: TrialConfig, changes: Mapping[str, Any]) -> str:
    """Return a space file of one cell, made of two settings that every trial has."""
    cell = {"x": "train.max_updates", "y": "train.evaluate_every"}
    values = dict(flatten(config.model_dump(mode="json")))
    content = {
        "question": f"The best recipe of the run {run.config.run}",
        "task": config.task.name,
        "model": config.model.name,
        "map": cell,
        "axes": {path: [values[path]] for path in cell.values()},
        "fixed": {path: value for path, value in changes.items() if path not in cell.values()},
    }
    return yaml.safe_dump(content, sort_keys=False)


def _torch(run: Run, config: TrialConfig, number: int) -> tuple[str, str]:
    """Return lines of PyTorch, or '' and the reason why there are none."""
    # Not imported above: torch takes a second or more, which a typo should not wait for.
    from failmap.datasets import build_task
    from failmap.datasets.errors import TaskError
    from failmap.search.trial.objective import Objective
    from failmap.search.tuning.torch_code import torch_code, why_not_plain

    if why_not := why_not_plain(config):
        return "", why_not
    import torch

    try:
        task = build_task(config.task, torch.device("cpu"))
    except TaskError as error:
        return "", f"the task cannot be built here: {error}"
    weights = str(run.folder.trial(number).path / WEIGHTS_FILE)
    head = Objective(config.output, task).head
    code = torch_code(config, head, task.input_size, task.output_size, weights)
    if task.preprocessing is not None:
        code = f"# Inputs are (values - input_mean) / input_deviation, see {PREPROCESSING_FILE}.\n{code}"
    return code, ""


def _snippet(run: Run, number: int) -> str:
    storage = str(run.folder.path.parent)
    where = "" if storage == "runs" else f", storage={storage!r}"
    return "\n".join(
        [
            "import failmap",
            "",
            f"model = failmap.load_model({run.folder.name!r}, trial={number}{where})",
            "model.network          # a torch.nn.Module with its weights",
            "model.predict(values)  # values as in your file: (batch, steps, features)",
        ]
    )
