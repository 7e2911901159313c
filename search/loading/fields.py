"""Single fields of the configuration models: their names, and their values in plain words."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, create_model
from pydantic_core import ErrorDetails

from failmap.datasets.config import TASK_CONFIGS
from failmap.models.config import MODEL_CONFIGS
from failmap.run_folder.errors import nearest
from failmap.search.trial.config import CriterionConfig, OutputConfig
from failmap.search.trial.train_config import TrainConfig


class FieldError(ValueError):
    """A value that a field does not take: what is allowed, in plain words."""


def check_field(model: type[BaseModel], name: str, value: Any) -> Any:
    """The value as the field holds it: 1 becomes 1.0 where a field is a float, `none` becomes None.

    Raises:
        FieldError: the field does not take the value.
    """
    field = model.model_fields[name]
    if value == "none" and NoneType in get_args(field.annotation):
        return None
    if isinstance(value, bool) and field.annotation is not bool:
        raise FieldError(_without_bool(model, name))
    if isinstance(value, float) and not math.isfinite(value):
        raise FieldError("must be a finite number")
    try:
        return dict(_alone(model, name).model_validate({"value": value}))["value"]
    except ValidationError as error:
        raise FieldError("; ".join(plain(detail) for detail in error.errors())) from None


def check_fields(
    model: type[BaseModel], values: Mapping[str, Any], prefix: str, problems: list[str]
) -> dict[str, Any]:
    """The values that a model's fields take; for the others a problem is added.

    Args:
        model: whose fields they are.
        values: by field name.
        prefix: stands before each name in a problem: `budget.`, or `my.yaml: `.
        problems: where they are added.
    """
    taken = {}
    for name, value in values.items():
        if name not in model.model_fields:
            known = [f"{prefix}{other}" for other in model.model_fields]
            problems.append(f"{prefix}{name}: unknown key{nearest(f'{prefix}{name}', known)}")
            continue
        try:
            taken[name] = check_field(model, name, value)
        except FieldError as error:
            problems.append(f"{prefix}{name}={shown(value)}: {error}")
    return taken


def model_problems(error: ValidationError, prefix: str = "") -> Iterator[str]:
    """One line for each mistake that a model found among its values."""
    for detail in error.errors():
        path = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "value_error":
            lines = str(detail["ctx"]["error"]).split("\n")
            yield from (f"{prefix}{line}" for line in lines)
        else:
            yield f"{prefix}{path}: {plain(detail)}"


def plain(detail: ErrorDetails) -> str:
    """A mistake that pydantic found, in words for people who do not know pydantic."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context["expected"]))
        return f"must be one of {', '.join(allowed)}{_did_you_mean(str(detail['input']), allowed)}"
    for start, words in _PLAIN.items():
        if kind.startswith(start):
            return words.format(**{key: shown(value) for key, value in context.items()})
    return detail["msg"].removeprefix("Value error, ")


def shown(value: Any) -> str:
    """A value as a user would write it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return ",".join(shown(inner) for inner in value)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


#: Beginnings of pydantic's error types, the more special before the more general.
_PLAIN = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "int_parsing_size": "is too large",
    "int_": "must be a whole number",
    "float_": "must be a number",
    "bool_": "must be true or false",
    "string_": "must be a text",
    "tuple_": "must be a list",
    "too_short": "must have at least {min_length} values",
    "dict_": "must be a mapping",
    "model_": "must be a mapping",
}


def _did_you_mean(word: str, allowed: list[str]) -> str:
    hint = nearest(word, allowed)
    return hint if hint.startswith("; did") else ""


def _without_bool(model: type[BaseModel], name: str) -> str:
    """What is said of true and false where neither is meant: what is said of a text."""
    try:
        _alone(model, name).model_validate({"value": ()})
    except ValidationError as error:
        return plain(error.errors()[0])
    return "must not be true or false"


@lru_cache(maxsize=512)
def _alone(model: type[BaseModel], name: str) -> type[BaseModel]:
    """A model of one field, so that its value can be checked without those beside it."""
    field = model.model_fields[name]
    definitions: dict[str, Any] = {"value": (field.annotation, field)}
    alone: type[BaseModel] = create_model(f"{model.__name__}_{name}", **definitions)
    return alone


#: Groups of which a trial has one of several kinds, each with settings of its own, by the kind's name.
KINDS: dict[str, Mapping[str, type[BaseModel]]] = {"task": TASK_CONFIGS, "model": MODEL_CONFIGS}
#: Groups that are the same in every trial.
PARTS: dict[str, type[BaseModel]] = {
    "output": OutputConfig,
    "train": TrainConfig,
    "criterion": CriterionConfig,
}
GROUPS = (*KINDS, *PARTS)


class Chosen:
    """The tasks and networks that the trials of a run may have."""

    def __init__(self, tasks: list[str], models: list[str]) -> None:
        self.names = {"task": tasks, "model": models}

    @classmethod
    def anything(cls) -> "Chosen":
        """Every task and network that there is."""
        return cls(list(TASK_CONFIGS), list(MODEL_CONFIGS))

    def kinds(self, group: str) -> dict[str, type[BaseModel]]:
        """The configurations that a group may have here, by kind; a part has one, without a name."""
        if group in PARTS:
            return {"": PARTS[group]}
        return {name: KINDS[group][name] for name in self.names[group] if name in KINDS[group]}

    def narrowed(self, conditions: Mapping[str, Any]) -> "Chosen":
        """The kinds that are left under conditions such as {'model.name': 'lstm'}."""
        left = {}
        for group, names in self.names.items():
            wanted = conditions.get(f"{group}.name", names)
            wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
            left[group] = [name for name in names if name in wanted]
        return Chosen(left["task"], left["model"])

    def paths(self) -> Iterator[str]:
        """Every dotted path that some trial here bears."""
        for group in GROUPS:
            fields = {field: None for kind in self.kinds(group).values() for field in kind.model_fields}
            yield from (f"{group}.{field}" for field in fields)

    def bears(self, path: str) -> bool:
        """Whether some trial here has the path."""
        return path in set(self.paths())

    def check(self, path: str, value: Any) -> Any:
        """The value as a trial holds it at the path.

        Raises:
            FieldError: no trial has the path, or only some kinds have it, or one does not take the value.
        """
        self.check_path(path)
        group, _, field = path.partition(".")
        if field == "name":
            return self._check_name(group, value)
        held = value
        for name, kind in self.kinds(group).items():
            try:
                held = check_field(kind, field, value)
            except FieldError as error:
                several = len(self.kinds(group)) > 1
                raise FieldError(f"{path}={shown(value)}: {error}{f' for {name}' * several}") from None
        return held

    def is_open(self, path: str) -> bool:
        """Whether nothing can be said of a path, because its task or network is unknown."""
        group = path.partition(".")[0]
        return group in KINDS and not self.kinds(group)

    def check_existence(self, path: str) -> None:
        """Raises FieldError where no trial of any task and network has the path."""
        if not Chosen.anything().bears(path):
            raise FieldError(f"{path}: no trial has this{nearest_path(path, self)}")

    def check_path(self, path: str) -> None:
        """Raises FieldError where no trial here has the path, or only some kinds have it."""
        self.check_existence(path)
        group, _, field = path.partition(".")
        lacking = [name for name, kind in self.kinds(group).items() if field not in kind.model_fields]
        if lacking and not self.bears(path):
            having = [name for name, kind in KINDS[group].items() if field in kind.model_fields]
            raise FieldError(f"{path}: no setting of {', '.join(lacking)}, only of {', '.join(having)}")
        if lacking:
            having = [name for name in self.names[group] if name not in lacking]
            raise FieldError(
                f"{path}: no setting of {', '.join(lacking)}: "
                f"make it an axis that is there when: {{{group}.name: {shown(having)}}}"
            )

    @staticmethod
    def _check_name(group: str, value: Any) -> str:
        if not isinstance(value, str) or value not in KINDS[group]:
            raise FieldError(f"{group}={shown(value)}: no such {group}{nearest(str(value), KINDS[group])}")
        return value


def nearest_path(path: str, chosen: Chosen) -> str:
    """'; did you mean X?': the path with the same last part, or one that is spelled alike."""
    known = list(chosen.paths())
    by_last = {other.rpartition(".")[2]: other for other in reversed(known)}
    last = path.rpartition(".")[2]
    alike = difflib.get_close_matches(path, known, n=1) or difflib.get_close_matches(last, by_last, n=1)
    if last in by_last:
        return f"; did you mean {by_last[last]}?"
    return f"; did you mean {by_last.get(alike[0], alike[0])}?" if alike else "; --help lists all keys"
