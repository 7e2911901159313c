"""What the command line asks for: a run's configuration, and whether only to plan it."""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import name_problem
from failmap.run_folder.storage import check_location, parse_location
from failmap.search.config import Budget, Cluster, Halving, RunConfig
from failmap.search.journal.address import read_address
from failmap.search.loading.build import build_space, drop_inapplicable
from failmap.search.loading.cli_args import Group, GroupError, Word, parse_arguments, question_of, read_group
from failmap.search.loading.draft import Draft, apply_word, draft_from_file
from failmap.search.loading.fields import (
    GROUPS,
    KINDS,
    Chosen,
    FieldError,
    check_field,
    check_fields,
    nearest_path,
    shown,
)
from failmap.search.new_run import generate_run_name
from failmap.search.shards import Shard, name_of_shard, shard_of_name, shard_problems
from failmap.search.space import Space

DEFAULT_SPACE = "lstm_depth"
#: The default for the user's own arrays, of which nobody knows whether they reach the other's lengths.
DEFAULT_SPACE_OF_A_FILE = "my_data"

#: Keys of a run that are single values.
RUN_KEYS = ("run", "storage", "seed", "shard", "sampler", "pruner", "keep", "test")
#: Groups of settings of a run.
RUN_GROUPS: dict[str, type[BaseModel]] = {"budget": Budget, "cluster": Cluster, "halving": Halving}
#: Keys of a space that a word may change.
SPACE_KEYS = ("map.x", "map.y", "map.facet", "fail_after_recipes")
#: Words that choose a task or a network.
CHOICE_KEYS = {key for group in KINDS for key in (group, f"{group}.name")}


@dataclass(frozen=True)
class Request:
    """A validated command line.

    Attributes:
        config: the run's.
        plan: only show what would be done.
        resume: go on with the run where it exists.
        notes: what was left out, a line each, to be told before the run begins.
    """

    config: RunConfig
    plan: bool
    notes: tuple[str, ...] = ()
    resume: bool = False


def load(words: Sequence[str]) -> RunConfig:
    """The configuration that the command line's words ask for.

    Raises:
        UserError: with a line for each mistake.
    """
    return read_request(words).config


def read_request(words: Sequence[str]) -> Request:
    """What the command line's words ask for.

    Raises:
        UserError: with a line for each mistake.
    """
    problems: list[str] = []
    notes: list[str] = []
    read = parse_arguments(words, problems)
    plan = _boolean(read.pop("plan", None), problems)
    resume = _boolean(read.pop("resume", None), problems)
    if resume and "run" not in read:
        problems.append("resume=true: needs a name that stays the same: run=NAME")
    trial_words = [word for word in read.values() if _is_about_trials(word.key)]
    draft, changed = _draft(read, trial_words, problems, notes)
    _refuse_unknown(read, draft, problems)
    space = build_space(draft, problems, notes) if draft is not None else None
    values = run_values(read, problems)
    defaults: dict[Group, str] = {"budget": default_budget(), "cluster": "local"}
    for group, default in defaults.items():
        choice = read.get(group, Word(group, default, default))
        values[group] = group_values(group, choice, problems) | values.get(group, {})
    if problems or space is None:
        raise UserError(*dict.fromkeys(problems))
    _check_shard(values, space)
    shard = Shard.parse(values["shard"]) if values.get("shard") else None
    if "run" not in values:
        others = [word for word in read.values() if word.key in ("seed", "sampler", "pruner", "test")]
        storage = parse_location(values.get("storage", "runs"))
        check_location(storage)
        differences = [(word.key, word.text) for word in [*changed, *others]]
        values["run"] = generate_run_name(space.name, differences, storage, shard.suffix if shard else "")
    elif shard is not None:
        values["run"] = name_of_shard(values["run"], shard)
    return Request(RunConfig(space=space, **values), plan, tuple(notes), resume)


def default_space(words: Mapping[str, str]) -> str:
    """The space where no word names one.

    Args:
        words: their texts by key.
    """
    task = words.get("task", words.get("task.name"))
    return DEFAULT_SPACE_OF_A_FILE if task == "array_file" else DEFAULT_SPACE


def default_budget() -> str:
    """`hour` where there is a GPU, else `quick`. Looked for without torch, which takes a second to import."""
    has_gpu = Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None
    return "hour" if has_gpu else "quick"


def run_values(read: Mapping[str, Word], problems: list[str]) -> dict[str, Any]:
    """The checked values of all words that are about the run: single ones, and groups as mappings."""
    values: dict[str, Any] = {}
    for key in RUN_KEYS:
        if key in read:
            try:
                values[key] = check_field(RunConfig, key, read[key].value)
            except FieldError as error:
                problems.append(f"{key}={shown(read[key].value)}: {error}")
    if "journal" in read:
        values |= journal_values(read["journal"], problems)
    if "run" in values and (problem := name_problem(values["run"])):
        problems.append(f"run={values['run']}: {problem}")
    for group, model in RUN_GROUPS.items():
        prefix = f"{group}."
        own = {key.removeprefix(prefix): word.value for key, word in read.items() if key.startswith(prefix)}
        if own:
            values[group] = check_fields(model, _nested(own), prefix, problems)
    return values


def journal_values(word: Word, problems: list[str]) -> dict[str, Any]:
    """The address that `journal=` names, and its password apart, which is never written down."""
    if word.text == "none":
        return {"journal": None}
    try:
        address, password = read_address(word.text)
    except ValueError as error:
        problems.append(f"journal: {error}")
        return {}
    return {"journal": address, "journal_password": password}


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`retries.lost=5` says one entry of the mapping `retries`."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        name, dot, entry = key.partition(".")
        if dot and isinstance(nested.setdefault(name, {}), dict):
            nested[name][entry] = value
        elif not dot:
            nested[name] = value
    return nested


def _draft(
    read: Mapping[str, Word], trial_words: Sequence[Word], problems: list[str], notes: list[str]
) -> tuple[Draft | None, list[Word]]:
    """The space's draft with the words applied, and the words that changed it."""
    if "space" in read:
        choice = read["space"].text
    else:
        choice = default_space({key: word.text for key, word in read.items()})
        if choice != DEFAULT_SPACE:
            notes.append(f"space={choice}, the default for task=array_file: {question_of(choice)}")
    try:
        name, content = read_group("space", choice)
    except GroupError as error:
        problems.append(str(error))
        return None, []
    draft = draft_from_file(name, content, problems, f"space {choice}")
    changed = []
    for word in sorted(trial_words, key=lambda word: not word.key.startswith("map.")):
        before = (dict(draft.map), dict(draft.axes), dict(draft.fixed), draft.fail_after_recipes)
        apply_word(draft, word)
        if before != (draft.map, draft.axes, draft.fixed, draft.fail_after_recipes):
            changed.append(word)
    switched = {word.key.partition(".")[0] for word in changed if word.key in CHOICE_KEYS}
    own = {path for path in draft.origins if not draft.origins[path]}
    drop_inapplicable(draft, switched, own, problems, notes)
    return draft, changed


def group_values(group: Group, choice: Word, problems: list[str]) -> dict[str, Any]:
    """The checked values of the file that `budget=` or `cluster=` picks."""
    try:
        name, content = read_group(group, choice.text)
    except GroupError as error:
        problems.append(str(error))
        return {}
    return {"name": name} | check_fields(RUN_GROUPS[group], content, f"{choice}: ", problems)


def _check_shard(values: Mapping[str, Any], space: Space) -> None:
    """Raises UserError where a run cannot be the shard that is wanted, or only its name is one's."""
    name, text = values.get("run"), values.get("shard")
    named = None if name is None else shard_of_name(name)[1]
    if text is None:
        if named is not None:
            raise UserError(
                f"run={name}: such names are those of shards: add shard={named}, or name this run otherwise"
            )
        return
    axes = {axis.path: len(axis.values or ()) for axis in space.map_axes}
    num_facets = axes.get(space.map.facet or "", 1)
    num_cells = math.prod(axes.values()) // num_facets
    num_cells *= min(num_facets, values["budget"].get("facets") or num_facets)
    problems = shard_problems(name, text, num_cells)
    if name is not None and not problems:
        whole = name_of_shard(name, Shard.parse(text))
        problems += [f"run={whole}: {problem}" for problem in [name_problem(whole)] if problem]
    if problems:
        raise UserError(*problems)


def _boolean(word: Word | None, problems: list[str]) -> bool:
    if word is None:
        return False
    if not isinstance(word.value, bool):
        problems.append(f"{word}: must be true or false")
    return bool(word.value)


def _is_about_trials(key: str) -> bool:
    return key in SPACE_KEYS or key.partition(".")[0] in GROUPS


def _refuse_unknown(read: Mapping[str, Word], draft: Draft | None, problems: list[str]) -> None:
    """Tells words that set nothing, each with the nearest that does."""
    chosen = Chosen(draft.names("task"), draft.names("model")) if draft else Chosen.anything()
    settings = [f"{group}.{name}" for group, model in RUN_GROUPS.items() for name in model.model_fields]
    single = ["space", "budget", "cluster", "plan", "resume", "journal"]
    own = [*single, *RUN_KEYS, *SPACE_KEYS, *KINDS, *settings]
    for word in read.values():
        group, dot, _ = word.key.partition(".")
        if word.key not in own and not _is_about_trials(word.key) and not (dot and group in RUN_GROUPS):
            hint = nearest(word.key, own)
            hint = hint if hint.startswith("; did") else nearest_path(word.key, chosen)
            problems.append(f"{word}: unknown key{hint}")
