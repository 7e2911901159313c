"""The arguments of search.rescue and search.ablate; without slow imports, so that typos show at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import Field

from failmap.datasets.config import Config
from failmap.run_folder.command_lines import program
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.wording import label_text
from failmap.search.config import RunConfig
from failmap.search.loading import from_yaml, locate, require_map, require_searched, resume_config
from failmap.search.loading.cli_args import parse_arguments
from failmap.search.loading.validation import check_fields
from failmap.search.own_parts import OWN_CODE_HELP, OwnCodeSource
from failmap.search.space import Space

#: Five pairs that all change have an exact two-sided p of 0.06; the Wilson interval of 5 of 5 begins at 0.57.
DEFAULT_SEEDS = 5
#: Keys of a session's limits and cluster.
_SESSION_KEYS = ("budget.minutes", "budget.trials", "cluster", "keep")


class RescueArguments(Config):
    """Arguments of search.rescue besides budget and cluster."""

    cell: str | None = Field(
        default=None,
        description="cells to rescue, by labels of the map's axes: "
        'cell="model.depth=5,task.sequence_length=100", or fewer labels; none: every failing cell',
    )
    recipe: int = Field(default=0, ge=0, description="index of the recipe to change; 0: the default one")
    seeds: int = Field(
        default=DEFAULT_SEEDS,
        ge=1,
        le=100,
        description="seeds of each fix, the same as of the unchanged trials",
    )
    plan: bool = Field(default=False, description="only show the plan and its cost")
    own_code: OwnCodeSource = Field(default="files", description=OWN_CODE_HELP)


class AblationArguments(Config):
    """Arguments of search.ablate besides budget and cluster."""

    trial: int = Field(ge=0, description="number of a trial that learned, as listed in the report")
    seeds: int = Field(
        default=DEFAULT_SEEDS,
        ge=1,
        le=100,
        description="seeds of each change, the same as of the unchanged trial",
    )
    plan: bool = Field(default=False, description="only show the plan and its cost")
    own_code: OwnCodeSource = Field(default="files", description=OWN_CODE_HELP)


#: The arguments of one of the two commands.
Own = TypeVar("Own", bound=RescueArguments | AblationArguments)


@dataclass(frozen=True)
class Session(Generic[Own]):
    """A session of interventions in a run.

    Attributes:
        config: The run's configuration with this session's limits and cluster.
        folder: The run's folder.
        arguments: The command's own arguments.
        labels: Labels of the cells to rescue by path; empty for all failing cells, and for an ablation.
        max_trials: Maximum number of interventions in this session; None for no limit.
        command: The user's command line.
    """

    config: RunConfig
    folder: RunFolder
    arguments: Own
    labels: Mapping[str, Any]
    max_trials: int | None
    command: tuple[str, ...]


def read_session(command: str, model: type[Own], arguments: Sequence[str]) -> Session[Own]:
    """Validate the arguments of a command. Raises UserError with a line for each mistake."""
    folder, others = locate(arguments)
    config, problems = from_yaml(folder.config), list[str]()
    require_searched(config)
    require_map(config, command)
    if config.space.is_own:
        raise UserError(
            f"run={folder.name}: is of an own training function, whose settings {command} does not know: "
            "put the change on an axis of its space"
        )
    # Labels are not parsed as YAML, which would change some of them.
    cells = [text for text in others if text.startswith("cell=") and "cell" in model.model_fields]
    read = parse_arguments([text for text in others if text not in cells], problems)
    own = {key: argument.value for key, argument in read.items() if key in model.model_fields}
    values = check_fields(model, own, problems)
    if len(cells) > 1:
        problems.append(f"{cells[1]}: cell is set already, by {cells[0]}")
    elif cells:
        values["cell"] = cells[0].partition("=")[2]
    shared = {
        key: argument for key, argument in read.items() if key in _SESSION_KEYS or key.startswith("cluster.")
    }
    known = ["run", "storage", *model.model_fields, *_SESSION_KEYS]
    problems += (
        f"{argument}: unknown key{nearest(key, known)}"
        for key, argument in read.items()
        if key not in own and key not in shared
    )
    labels = _labels(values["cell"], config.space, problems) if "cell" in values else {}
    problems += (
        f"{name}: is missing: {field.description}"
        for name, field in model.model_fields.items()
        if field.is_required() and not any(text.startswith(f"{name}=") for text in others)
    )
    try:
        config = resume_config(config, [str(argument) for argument in shared.values()])
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(*dict.fromkeys(problems))
    # The run's own limit of trials is for its map.
    max_trials = config.budget.trials if "budget.trials" in shared else None
    return Session(config, folder, model(**values), labels, max_trials, (*program(command), *arguments))


def _labels(text: str, space: Space, problems: list[str]) -> dict[str, Any]:
    """Parse 'model.depth=5,task.sequence_length=100' into labels by path; short names are allowed."""
    labels: dict[str, Any] = {}
    for part in re.split(r",\s*(?=[A-Za-z_][\w.]*=)", text):
        name, equals, written = part.partition("=")
        paths = [path for path in space.map_paths if name in (path, path.rpartition(".")[2])]
        if not equals or not paths:
            hint = nearest(name, space.map_paths)
            problems.append(f"cell={text}: {name!r} is not an axis of the map{hint}")
            continue
        axis = space.axis(paths[0])
        known = [axis.label(value) for value in axis.values or ()]
        found = [label for label in known if _matches(label, written)]
        if found:
            labels[axis.path] = found[0]
        else:
            hint = nearest(written, map(label_text, known))
            problems.append(f"cell={text}: {axis.path} has no value {written}{hint}")
    return labels


def _matches(label: Any, written: str) -> bool:
    """Return whether a text denotes a label, as 1e-3 denotes 0.001."""
    if written == label_text(label):
        return True
    try:
        return isinstance(label, int | float) and float(written) == label
    except ValueError:
        return False
