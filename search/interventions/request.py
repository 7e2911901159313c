"""The arguments of search.rescue and search.ablate; without slow imports, so that typos show at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from failmap.datasets.config import Config
from failmap.run_folder.command_lines import program
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.wording import label_text
from failmap.search.config import RunConfig
from failmap.search.loading import from_yaml, locate, resume_config
from failmap.search.loading.cli_args import Argument, parse_arguments
from failmap.search.loading.validation import check_fields
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


class AblationArguments(Config):
    """Arguments of search.ablate besides budget and cluster."""

    trial: int = Field(ge=0, description="number of the trial that learned")
    seeds: int = Field(
        default=DEFAULT_SEEDS,
        ge=1,
        le=100,
        description="seeds of each change, the same as of the unchanged trial",
    )
    plan: bool = Field(default=False, description="only show the plan and its cost")


@dataclass(frozen=True)
class Session:
    """A session of interventions in a run.

    Attributes:
        config: The run's configuration with this session's limits and cluster.
        folder: The run's folder.
        max_trials: Maximum number of interventions in this session; None for no limit.
        command: The user's command line.
    """

    config: RunConfig
    folder: RunFolder
    max_trials: int | None
    command: tuple[str, ...]


@dataclass(frozen=True)
class RescueRequest:
    """Validated arguments of search.rescue; `labels` of the cells by path, empty for all failing cells."""

    session: Session
    labels: Mapping[str, Any]
    recipe: int
    seeds: int
    is_plan: bool


@dataclass(frozen=True)
class AblationRequest:
    """Validated arguments of search.ablate."""

    session: Session
    trial: int
    seeds: int
    is_plan: bool


def read_rescue(arguments: Sequence[str]) -> RescueRequest:
    """Validate the arguments. Raises UserError with a line for each mistake."""
    folder, others = locate(arguments)
    stored, problems = from_yaml(folder.config), list[str]()
    own, rest = _split_arguments(others, RescueArguments, problems)
    labels = _labels(own["cell"], stored.space, problems) if "cell" in own else {}
    config = _resumed(stored, rest, problems)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    values = RescueArguments(**own)
    session = Session(config, folder, _max_trials(config, rest), (*program("rescue"), *arguments))
    return RescueRequest(session, labels, values.recipe, values.seeds, values.plan)


def read_ablation(arguments: Sequence[str]) -> AblationRequest:
    """Validate the arguments. Raises UserError with a line for each mistake."""
    folder, others = locate(arguments)
    stored, problems = from_yaml(folder.config), list[str]()
    own, rest = _split_arguments(others, AblationArguments, problems)
    if not any(argument.startswith("trial=") for argument in others):
        problems.append("trial: is missing; give the number of a trial that learned, as listed in the report")
    config = _resumed(stored, rest, problems)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    values = AblationArguments(**own)
    session = Session(config, folder, _max_trials(config, rest), (*program("ablate"), *arguments))
    return AblationRequest(session, values.trial, values.seeds, values.plan)


def _split_arguments(
    arguments: Sequence[str], model: type[Config], problems: list[str]
) -> tuple[dict[str, Any], dict[str, Argument]]:
    """Return the validated values of the model's own keys, and the arguments of the session."""
    # Labels are not parsed as YAML, which would change some of them.
    cells = [text for text in arguments if text.startswith("cell=") and "cell" in model.model_fields]
    read = parse_arguments([text for text in arguments if text not in cells], problems)
    own = {key: word.value for key, word in read.items() if key in model.model_fields}
    values = check_fields(model, own, problems)
    if len(cells) > 1:
        problems.append(f"{cells[1]}: cell is set already, by {cells[0]}")
    elif cells:
        values["cell"] = cells[0].partition("=")[2]
    known = ["run", "storage", *model.model_fields, *_SESSION_KEYS]
    session = {}
    for key, word in read.items():
        if key in _SESSION_KEYS or key.startswith("cluster."):
            session[key] = word
        elif key not in own:
            problems.append(f"{word}: unknown key{nearest(key, known)}")
    return values, session


def _resumed(stored: RunConfig, arguments: Mapping[str, Argument], problems: list[str]) -> RunConfig:
    """Return the run's configuration with a session's arguments, or without them if they are invalid."""
    try:
        return resume_config(stored, [str(word) for word in arguments.values()])
    except UserError as error:
        problems += error.problems
        return stored


def _max_trials(config: RunConfig, arguments: Mapping[str, Argument]) -> int | None:
    """Return the session's own limit: the run's limit is for its map."""
    return config.budget.trials if "budget.trials" in arguments else None


def _labels(text: str, space: Space, problems: list[str]) -> dict[str, Any]:
    """Parse 'model.depth=5,task.sequence_length=100' into labels by path; short names are allowed."""
    labels: dict[str, Any] = {}
    for part in re.split(r",\s*(?=[A-Za-z_][\w.]*=)", text):
        name, equals, written = part.partition("=")
        paths = [path for path in space.map.paths if name in (path, path.rpartition(".")[2])]
        if not equals or not paths:
            hint = nearest(name, space.map.paths)
            problems.append(f"cell={text}: {name!r} is not an axis of the map{hint}")
            continue
        axis = space.axis(paths[0])
        found = [label for label in map(axis.label, axis.values or ()) if _matches(label, written)]
        if found:
            labels[axis.path] = found[0]
        else:
            known = [label_text(axis.label(value)) for value in axis.values or ()]
            problems.append(f"cell={text}: {axis.path} has no value {written}{nearest(written, known)}")
    return labels


def _matches(label: Any, written: str) -> bool:
    """Return whether a text denotes a label, as 1e-3 denotes 0.001."""
    if written == label_text(label):
        return True
    try:
        return isinstance(label, int | float) and float(written) == label
    except ValueError:
        return False
