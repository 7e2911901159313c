"""From a command line to the configuration of a run."""

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import name_problem
from failmap.run_folder.storage import check_location, parse_location
from failmap.search.config import Budget, Cluster, Futility, Halving, RunConfig
from failmap.search.journal.address import read_address
from failmap.search.loading.build import build_space
from failmap.search.loading.cli_args import (
    Argument,
    Group,
    boolean,
    is_function,
    parse_arguments,
    question_of,
    read_group,
)
from failmap.search.loading.combinations import settings_without_effect
from failmap.search.loading.contradictions import contradictions
from failmap.search.loading.draft import (
    PLAIN_KEYS,
    Draft,
    draft_from_file,
    drop_inapplicable,
    set_twice,
)
from failmap.search.loading.fields import GROUPS, KINDS, Schema, nearest_path
from failmap.search.loading.goal_settings import misfits_of_goal, with_defaults_of_goal
from failmap.search.loading.own import never_active, read_own_space, unfitting_settings
from failmap.search.loading.validation import check_fields, with_origin
from failmap.search.new_run import generate_run_name
from failmap.search.own.function import parse_function
from failmap.search.shards import Shard, name_of_shard, shard_of_name, shard_problems
from failmap.search.space import Space

DEFAULT_SPACE = "lstm_depth"
#: The default for the user's own arrays, whose sequences may be shorter than those of the other space.
DEFAULT_SPACE_OF_A_FILE = "my_data"

#: Keys of a run that are single values.
RUN_KEYS = ("run", "storage", "seed", "shard", "sampler", "pruner", "keep", "test")
#: Groups of settings of a run.
RUN_GROUPS: dict[str, type[BaseModel]] = {
    "budget": Budget,
    "cluster": Cluster,
    "halving": Halving,
    "futility": Futility,
}
#: Keys of a space that an argument may change.
SPACE_KEYS = ("map.x", "map.y", "map.facet", *PLAIN_KEYS)


@dataclass(frozen=True)
class Request:
    """A validated command line.

    Attributes:
        config: The run's configuration.
        plan: Whether only to show what would be done.
        resume: Whether to continue the run if it exists.
        notes: A line for each setting that was chosen or left out unasked, to be shown before the run.
    """

    config: RunConfig
    plan: bool
    notes: tuple[str, ...]
    resume: bool


def load(arguments: Sequence[str]) -> RunConfig:
    """Return the configuration of a run from its arguments.

    Raises:
        UserError: With a line for each mistake.
    """
    return read_request(arguments).config


def read_request(arguments: Sequence[str]) -> Request:
    """Parse and validate the arguments of a run.

    Raises:
        UserError: With a line for each mistake.
    """
    problems: list[str] = []
    notes: list[str] = []
    read = parse_arguments(arguments, problems)
    plan = boolean(read.pop("plan", None), problems)
    resume = boolean(read.pop("resume", None), problems)
    if resume and "run" not in read:
        problems.append("resume=true: needs a name that stays the same: run=NAME")
    space, changed = _space(read, problems, notes)
    defaults: dict[Group, str] = {"budget": default_budget(), "cluster": "local"}
    choices = {group: read.get(group, Argument(group, name, name)) for group, name in defaults.items()}
    values = run_values(read, choices, problems)
    if "train" in read and is_function("train", read["train"].text):
        problems += unfitting_settings(values)
    if problems or space is None:
        raise UserError(*dict.fromkeys(problems))
    values = with_defaults_of_goal(space, values)
    if misfits := [*misfits_of_goal(space, values)]:
        raise UserError(*misfits)
    notes += never_active(space) if space.is_own else settings_without_effect(space)
    _check_shard(values, space)
    shard = Shard.parse(values["shard"]) if values.get("shard") else None
    if "run" not in values:
        others = [read[key] for key in read if key in ("seed", "sampler", "pruner", "test")]
        storage = parse_location(values.get("storage", "runs"))
        check_location(storage)
        differences = [(argument.key, argument.text) for argument in [*changed, *others]]
        values["run"] = generate_run_name(space.name, differences, storage, shard.suffix if shard else "")
    elif shard is not None:
        values["run"] = name_of_shard(values["run"], shard)
    return Request(RunConfig(space=space, **values), plan, tuple(notes), resume)


def default_space(arguments: Mapping[str, str]) -> str:
    """Return the space for arguments, by their keys, that name none."""
    task = arguments.get("task", arguments.get("task.name"))
    return DEFAULT_SPACE_OF_A_FILE if task == "array_file" else DEFAULT_SPACE


def default_budget() -> str:
    """Return `hour` if there is a GPU, else `quick`, without importing torch, which takes a second."""
    has_gpu = Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None
    return "hour" if has_gpu else "quick"


def run_values(
    read: Mapping[str, Argument],
    choices: Mapping[Group, Argument],
    problems: list[str],
    stored: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the validated values of a run, less its space, and add a problem for each mistake.

    Args:
        read: The arguments by their keys; those that are not about the run are ignored.
        choices: The file of each group that is read from one.
        problems: Receives a line for each mistake.
        stored: Groups that are not read from a file.
    """
    values: dict[str, Any] = {key: read[key].value for key in RUN_KEYS if key in read}
    if "run" in values and (problem := name_problem(values["run"])):
        problems.append(f"run={values['run']}: {problem}")
    values |= {group: dict(settings) for group, settings in (stored or {}).items()}
    origins: dict[str, str] = {}
    for group, choice in choices.items():
        try:
            name, content = read_group(group, choice.text)
        except UserError as error:
            problems += error.problems
            continue
        values[group] = {"name": name} | content
        origins |= {f"{group}.{key}": str(choice) for key in content}
    for name in RUN_GROUPS:
        if own := _settings(name, read.values(), problems):
            values[name] = values.get(name, {}) | own
            origins |= {f"{name}.{key}": "" for key in own}
    journal: dict[str, Any] = {}
    if "journal" in read:
        text = read["journal"].text
        try:
            # The password is kept apart from the address, and never written down.
            address, password = (None, None) if text == "none" else read_address(text)
            journal = {"journal": address, "journal_password": password}
        except ValueError as error:
            problems.append(f"journal: {error}")
    held = check_fields(RunConfig, values, problems, origins=origins)
    if held:
        problems += (with_origin(line, origins) for line in contradictions(held, origins))
    return held | journal


def _settings(group: str, arguments: Iterable[Argument], problems: list[str]) -> dict[str, Any]:
    """Return what arguments set in a group; `retries.lost=5` is an entry of the mapping `retries`."""
    settings: dict[str, Any] = {}
    setters: dict[str, set[bool]] = {}
    for argument in arguments:
        start, _, key = argument.key.partition(".")
        name, dot, entry = key.partition(".")
        if start != group or not key:
            continue
        setters.setdefault(name, set()).add(bool(dot))
        if len(setters[name]) > 1:
            problems.append(f"{argument}: {group}.{name} is set as a whole, too: leave one out")
        if dot and isinstance(settings.setdefault(name, {}), dict):
            settings[name][entry] = argument.value
        elif not dot:
            settings[name] = argument.value
    return settings


def _space(
    read: Mapping[str, Argument], problems: list[str], notes: list[str]
) -> tuple[Space | None, list[Argument]]:
    """Return the space with the arguments applied, and the arguments that changed it."""
    if "train" not in read or not is_function("train", read["train"].text):
        draft, changed = _draft(read, problems, notes)
        _refuse_unknown(read, draft, problems)
        return (build_space(draft, problems, notes) if draft is not None else None), changed
    train = read["train"].text
    about_run = {"train", "space", "budget", "cluster", "journal", *RUN_KEYS}
    others = [
        argument
        for key, argument in read.items()
        if key not in about_run and key.partition(".")[0] not in RUN_GROUPS
    ]
    if "space" not in read:
        problems.append(f"space: is missing: the axes of train={train}, as a path that ends in .yaml")
        with _collecting(problems):
            parse_function(train)
        return None, []
    choice = read["space"].text
    try:
        name, content = read_group("space", choice)
    except UserError as error:
        problems += error.problems
        with _collecting(problems):
            parse_function(train)
        return None, []
    return read_own_space(name, content, train, others, problems, notes, f"space {choice}")


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    """Collect the lines of a UserError."""
    try:
        yield
    except UserError as error:
        problems += error.problems


def _draft(
    read: Mapping[str, Argument], problems: list[str], notes: list[str]
) -> tuple[Draft | None, list[Argument]]:
    """Return the space's draft with the arguments applied, and those that changed it."""
    if "space" in read:
        choice = read["space"].text
    else:
        choice = default_space({key: argument.text for key, argument in read.items()})
        if choice != DEFAULT_SPACE:
            notes.append(f"space={choice}, the default for task=array_file: {question_of(choice)}")
    try:
        name, content = read_group("space", choice)
    except UserError as error:
        problems += error.problems
        return None, []
    draft = draft_from_file(name, content, problems, f"space {choice}")
    about_trials = [argument for argument in read.values() if _is_about_trials(argument.key)]
    about_trials.sort(key=lambda argument: not argument.key.startswith("map."))
    problems += set_twice(about_trials)
    changed = [argument for argument in about_trials if draft.apply(argument)]
    kinds = {argument.key.removesuffix(".name") for argument in changed}
    drop_inapplicable(draft, kinds & KINDS.keys(), problems, notes)
    return draft, changed


def _check_shard(values: Mapping[str, Any], space: Space) -> None:
    """Raise UserError if a run cannot be the shard that is asked for, or has a shard's name but is none."""
    name, text = values.get("run"), values.get("shard")
    if text is None:
        if name is not None and (named := shard_of_name(name)[1]) is not None:
            raise UserError(
                f"run={name}: such names are those of shards: add shard={named}, or name this run otherwise"
            )
        return
    axes = {axis.path: len(axis.values or ()) for axis in space.map_axes}
    num_facets = axes.get(space.map_roles.get("facet", ""), 1)
    num_cells = math.prod(axes.values()) // num_facets
    num_cells *= min(num_facets, values["budget"].facets or num_facets)
    problems = shard_problems(name, text, num_cells)
    if name is not None and not problems:
        whole = name_of_shard(name, Shard.parse(text))
        if problem := name_problem(whole):
            problems.append(f"run={whole}: {problem}")
    if problems:
        raise UserError(*problems)


def _is_about_trials(key: str) -> bool:
    return key in SPACE_KEYS or key.partition(".")[0] in GROUPS


def _refuse_unknown(read: Mapping[str, Argument], draft: Draft | None, problems: list[str]) -> None:
    """Add a problem for each argument that sets nothing, with the nearest key that does."""
    schema = Schema(draft.names("task"), draft.names("model")) if draft else Schema.of_all_kinds()
    settings = [f"{group}.{name}" for group, model in RUN_GROUPS.items() for name in model.model_fields]
    single = ["space", "budget", "cluster", "plan", "resume", "journal"]
    own = [*single, *RUN_KEYS, *SPACE_KEYS, *KINDS, *settings]
    for argument in read.values():
        group, dot, _ = argument.key.partition(".")
        if not (argument.key in own or _is_about_trials(argument.key) or (dot and group in RUN_GROUPS)):
            hint = nearest(argument.key, own)
            hint = hint if hint.startswith("; did") else nearest_path(argument.key, schema)
            problems.append(f"{argument}: unknown key{hint}")
