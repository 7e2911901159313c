"""The words of search.rescue and search.ablate. Knows neither pandas nor Optuna: a typo is told at once."""

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
#: What a session is told beside what it tries; a cluster's settings, too.
_OF_A_SESSION = ("budget.minutes", "budget.trials", "cluster", "keep")


class RescueArguments(Config):
    """What search.rescue takes beside budget and cluster."""

    cell: str | None = Field(
        default=None,
        description="cells that are to be rescued, by labels of the map's axes: "
        'cell="model.depth=5,task.sequence_length=100", or fewer of them; none: every cell that fails',
    )
    recipe: int = Field(
        default=0, ge=0, description="which of a cell's recipes is changed; 0: the default one"
    )
    seeds: int = Field(
        default=DEFAULT_SEEDS,
        ge=1,
        le=100,
        description="of each fix, the same as of what it is compared with",
    )
    plan: bool = Field(default=False, description="only show what would be tried, and its cost")


class AblationArguments(Config):
    """What search.ablate takes beside budget and cluster."""

    trial: int = Field(ge=0, description="number of the trial that learned")
    seeds: int = Field(
        default=DEFAULT_SEEDS, ge=1, le=100, description="of each change, the same as of the trial unchanged"
    )
    plan: bool = Field(default=False, description="only show what would be tried, and its cost")


@dataclass(frozen=True)
class Session:
    """Where interventions run.

    Attributes:
        config: the run's, with this session's limits and cluster.
        folder: the run's.
        max_trials: interventions that this session may begin; None for no limit.
        command: what the user typed.
    """

    config: RunConfig
    folder: RunFolder
    max_trials: int | None
    command: tuple[str, ...]


@dataclass(frozen=True)
class RescueRequest:
    """A validated command line of search.rescue. `labels` are those of the cells, by path; none: all."""

    session: Session
    labels: Mapping[str, Any]
    recipe: int
    seeds: int
    is_plan: bool


@dataclass(frozen=True)
class AblationRequest:
    """A validated command line of search.ablate."""

    session: Session
    trial: int
    seeds: int
    is_plan: bool


def read_rescue(words: Sequence[str]) -> RescueRequest:
    """What the words ask for. Raises UserError with a line for each mistake."""
    folder, others = locate(words)
    stored, problems = from_yaml(folder.config), list[str]()
    own, rest = _own_words(others, RescueArguments, problems)
    labels = _labels(own["cell"], stored.space, problems) if "cell" in own else {}
    config = _resumed(stored, rest, problems)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    asked = RescueArguments(**own)
    session = Session(config, folder, _cap(config, rest), (*program("rescue"), *words))
    return RescueRequest(session, labels, asked.recipe, asked.seeds, asked.plan)


def read_ablation(words: Sequence[str]) -> AblationRequest:
    """What the words ask for. Raises UserError with a line for each mistake."""
    folder, others = locate(words)
    stored, problems = from_yaml(folder.config), list[str]()
    own, rest = _own_words(others, AblationArguments, problems)
    if not any(word.startswith("trial=") for word in others):
        problems.append("trial: is missing: which trial that learned? The report lists them by number")
    config = _resumed(stored, rest, problems)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    asked = AblationArguments(**own)
    session = Session(config, folder, _cap(config, rest), (*program("ablate"), *words))
    return AblationRequest(session, asked.trial, asked.seeds, asked.plan)


def _own_words(
    words: Sequence[str], model: type[Config], problems: list[str]
) -> tuple[dict[str, Any], dict[str, Argument]]:
    """The checked values of the program's own words, and the other words, of which only known ones stay."""
    # Labels may hold what YAML takes for something else: they are read as they are written.
    cells = [word for word in words if word.startswith("cell=") and "cell" in model.model_fields]
    read = parse_arguments([word for word in words if word not in cells], problems)
    own = {key: word.value for key, word in read.items() if key in model.model_fields}
    values = check_fields(model, own, problems)
    if len(cells) > 1:
        problems.append(f"{cells[1]}: cell is set already, by {cells[0]}")
    elif cells:
        values["cell"] = cells[0].partition("=")[2]
    rest = {key: word for key, word in read.items() if key not in own}
    known = ["run", "storage", *model.model_fields, *_OF_A_SESSION]
    problems += [
        f"{word}: unknown key{nearest(key, known)}" for key, word in rest.items() if not _is_of_a_session(key)
    ]
    return values, {key: word for key, word in rest.items() if _is_of_a_session(key)}


def _is_of_a_session(key: str) -> bool:
    """Whether a word says where and how long."""
    return key in _OF_A_SESSION or key.startswith("cluster.")


def _resumed(stored: RunConfig, words: Mapping[str, Argument], problems: list[str]) -> RunConfig:
    """The run's configuration with a session's words; as it is where they are wrong."""
    try:
        return resume_config(stored, [str(word) for word in words.values()])
    except UserError as error:
        problems += error.problems
        return stored


def _cap(config: RunConfig, words: Mapping[str, Argument]) -> int | None:
    """Interventions that a session may begin: the run's own limit is about its map."""
    return config.budget.trials if "budget.trials" in words else None


def _labels(text: str, space: Space, problems: list[str]) -> dict[str, Any]:
    """Labels by path, of 'model.depth=5,task.sequence_length=100'; short names do where they are clear."""
    labels: dict[str, Any] = {}
    for part in re.split(r",\s*(?=[A-Za-z_][\w.]*=)", text):
        name, equals, written = part.partition("=")
        paths = [path for path in space.map.paths if name in (path, path.rpartition(".")[2])]
        if not equals or not paths:
            hint = nearest(name, space.map.paths)
            problems.append(f"cell={text}: {name!r} is no axis of the map{hint}")
            continue
        axis = space.axis(paths[0])
        found = [label for label in map(axis.label, axis.values or ()) if _is_written(label, written)]
        if found:
            labels[axis.path] = found[0]
        else:
            known = [label_text(axis.label(value)) for value in axis.values or ()]
            problems.append(f"cell={text}: {axis.path} has no value {written}{nearest(written, known)}")
    return labels


def _is_written(label: Any, written: str) -> bool:
    """Whether a text means a label: 1e-3 means 0.001."""
    if written == label_text(label):
        return True
    try:
        return isinstance(label, int | float) and float(written) == label
    except ValueError:
        return False
