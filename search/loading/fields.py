"""The fields that trials have, by dotted path."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from failmap.datasets.config import OWN_TASK, TASK_CONFIGS
from failmap.models.config import MODEL_CONFIGS, OWN_MODEL
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.own_code import is_reference, locate_own
from failmap.search.loading.validation import check_fields, shown
from failmap.search.space import alternatives
from failmap.search.trial.config import CriterionConfig, OutputConfig
from failmap.search.trial.train_config import TrainConfig

#: Groups of which a trial has one of several kinds, each with fields of its own, by the kind's name.
KINDS: dict[str, Mapping[str, type[BaseModel]]] = {"task": TASK_CONFIGS, "model": MODEL_CONFIGS}
#: The kind of a task or network of the user's, whose name is FILE.py:NAME.
OWN_KINDS: dict[str, type[BaseModel]] = {"task": OWN_TASK[0], "model": OWN_MODEL[0]}
#: The field of own code whose entries are fields of their own, with any names: `model.args.width`.
ARGUMENTS = "args"
#: Groups that are the same in every trial.
PARTS: dict[str, type[BaseModel]] = {
    "output": OutputConfig,
    "train": TrainConfig,
    "criterion": CriterionConfig,
}
GROUPS = (*KINDS, *PARTS)


def kind_of(group: str, name: str) -> type[BaseModel] | None:
    """Return the settings of a task or network by its name, or None if there is none of that name."""
    return OWN_KINDS[group] if is_reference(name) else KINDS[group].get(name)


def kind_problem(group: str, name: str) -> str | None:
    """Return why there is no task or network of a name, or None if there is one. Executes nothing."""
    if not is_reference(name):
        if name in KINDS[group]:
            return None
        own = f"; one of your own is named as my_{group}.py:NAME" if ":" in name else ""
        return f"{group}={name}: no such {group}{own or nearest(name, KINDS[group])}"
    try:
        locate_own(name)
    except UserError as error:
        return f"{group}={error.problems[0]}"
    return None


def has_field(kind: type[BaseModel], name: str) -> bool:
    """Return whether a kind has a field, which may be an argument of own code: `args.width`."""
    field, dot, _ = name.partition(".")
    return field in kind.model_fields and (not dot or field == ARGUMENTS)


class Schema:
    """The fields of a run's trials, which depend on their tasks and networks.

    Attributes:
        names: Names of the tasks and of the networks; empty if unknown.
    """

    def __init__(self, tasks: list[str], models: list[str]) -> None:
        self.names = {"task": tasks, "model": models}

    @classmethod
    def of_all_kinds(cls) -> "Schema":
        """Return the fields of every task and network."""
        return cls(list(TASK_CONFIGS), list(MODEL_CONFIGS))

    def kinds(self, group: str) -> dict[str, type[BaseModel]]:
        """Return the models of a group by the names of its kinds; a part has one, without a name."""
        if group in PARTS:
            return {"": PARTS[group]}
        kinds = {name: kind_of(group, name) for name in self.names[group]}
        return {name: kind for name, kind in kinds.items() if kind is not None}

    def narrowed(self, conditions: Mapping[str, Any]) -> "Schema":
        """Return the fields under conditions such as {'model.name': 'lstm'}."""
        left = {
            group: [name for name in names if name in alternatives(conditions.get(f"{group}.name", names))]
            for group, names in self.names.items()
        }
        return Schema(left["task"], left["model"])

    def paths(self) -> Iterator[str]:
        """Return the dotted path of every field that some trial has."""
        for group in GROUPS:
            names = dict.fromkeys(name for kind in self.kinds(group).values() for name in kind.model_fields)
            yield from (f"{group}.{name}" for name in names)

    def __contains__(self, path: str) -> bool:
        group, _, name = path.partition(".")
        return group in GROUPS and any(has_field(kind, name) for kind in self.kinds(group).values())

    def is_open(self, path: str) -> bool:
        """Return whether the task or network that a path is about is unknown."""
        group = path.partition(".")[0]
        return group in self.names and not self.kinds(group)

    def is_own(self, group: str) -> bool:
        """Return whether the task or the network of some trial is the user's own."""
        return any(map(is_reference, self.names[group]))

    def default(self, path: str) -> Any:
        """Return the plain default of the first kind that has a field, or None."""
        group, _, name = path.partition(".")
        if name.startswith(f"{ARGUMENTS}."):
            return None
        default = next(iter(self.kinds(group).values())).model_fields[name].default
        return default if isinstance(default, int | float | str | bool) else None

    def shared_defaults(self, group: str) -> dict[str, Any]:
        """Return the defaults that all kinds of a group have in common."""
        first, *others = [
            {name: field.default for name, field in kind.model_fields.items() if name != "name"}
            for kind in self.kinds(group).values()
        ]
        return dict(item for item in first.items() if all(item in other.items() for other in others))

    def check(self, path: str, value: Any, problems: list[str]) -> Any:
        """Return a value as a trial holds it at a path, or unchanged if a problem was added."""
        if problem := self._path_problem(path):
            problems.append(problem)
            return value
        group, _, name = path.partition(".")
        kinds = self.kinds(group)
        if kinds and name == "name":
            if problem := kind_problem(group, shown(value)):
                problems.append(problem)
            return value
        held = value
        field, dot, argument = name.partition(".")
        for kind, model in kinds.items():
            found = list[str]()
            held = check_fields(model, {field: {argument: value} if dot else value}, found, f"{group}.").get(
                field
            )
            held = held[argument] if dot and held else held
            if found:
                problems += (f"{line} for {kind}" if len(kinds) > 1 else line for line in found)
                return value
        return held

    def _path_problem(self, path: str) -> str | None:
        """Return why some trial lacks a path, or None if all have it or their kind is unknown."""
        group, _, name = path.partition(".")
        is_argument = group in OWN_KINDS and has_field(OWN_KINDS[group], name)
        if path not in Schema.of_all_kinds() and not is_argument:
            nearby = Schema.of_all_kinds() if self.is_open(path) else self
            return f"{path}: no trial has this{nearest_path(path, nearby)}"
        lacking = [kind for kind, model in self.kinds(group).items() if not has_field(model, name)]
        if not lacking:
            return None
        problem = f"{path}: no setting of {', '.join(lacking)}"
        if path not in self:
            having = [kind for kind, model in KINDS[group].items() if has_field(model, name)]
            having += [f"one of your own ({group}=FILE.py:NAME)"] * is_argument
            return f"{problem}, only of {', '.join(having)}"
        having = [kind for kind in self.names[group] if kind not in lacking]
        return f"{problem}: make it an axis that is there when: {{{group}.name: {shown(having)}}}"


def nearest_path(path: str, schema: Schema) -> str:
    """Return '; did you mean X?' with the path of the same last part, or else of a similar spelling."""
    known = list(schema.paths())
    by_last = {other.rpartition(".")[2]: other for other in reversed(known)}
    last = path.rpartition(".")[2]
    if last in by_last:
        return f"; did you mean {by_last[last]}?"
    alike = difflib.get_close_matches(path, known, n=1) or difflib.get_close_matches(last, by_last, n=1)
    return f"; did you mean {by_last.get(alike[0], alike[0])}?" if alike else "; --help lists all keys"
