"""Validation by pydantic, with messages for users who do not know it."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, create_model
from pydantic_core import ErrorDetails

from failmap.datasets.config import Config
from failmap.run_folder.errors import nearest


def check_fields(
    model: type[BaseModel],
    values: Mapping[str, Any],
    problems: list[str],
    prefix: str = "",
    origins: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Validate some fields of a model, without the others and without the model's own validators.

    Args:
        model: Whose fields they are.
        values: Values as parsed from YAML, by field name.
        problems: Receives a line for each mistake.
        prefix: Precedes each key in a problem, such as `train.`.
        origins: The source of each dotted path that is not from the command line.

    Returns:
        The values as the model holds them (1 becomes 1.0 in a float, `none` becomes None); empty if any
        has a mistake.
    """
    names = tuple(name for name in values if name in model.model_fields)
    try:
        held = _with_fields(model, names).model_validate(_without_aliases(model, values))
    except ValidationError as error:
        problems += translate(error, model, values, prefix, origins or {})
        return {}
    return {name: getattr(held, name) for name in names}


@lru_cache(maxsize=512)
def _with_fields(model: type[BaseModel], names: tuple[str, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (model.model_fields[name].annotation, model.model_fields[name]) for name in names
    }
    part: type[BaseModel] = create_model(model.__name__, __base__=Config, **fields)
    return part


#: Replaces true and false where a field takes neither: pydantic would convert them to 1 and 0.
_UNWANTED_BOOL = object()


def _without_aliases(model: type[BaseModel], values: Any) -> dict[str, Any]:
    """Replace `none` by None where a field may be None, booleans where it cannot be one, and whole numbers
    by their text where it is a text, such as a column named 2020.
    """
    replaced = dict(values)
    for name in values.keys() & model.model_fields.keys():
        annotation, value = model.model_fields[name].annotation, values[name]
        if isinstance(annotation, type) and issubclass(annotation, BaseModel) and isinstance(value, Mapping):
            replaced[name] = _without_aliases(annotation, value)
        elif value == "none" and NoneType in get_args(annotation):
            replaced[name] = None
        elif isinstance(value, bool) and annotation is not bool:
            replaced[name] = _UNWANTED_BOOL
        elif isinstance(value, int) and annotation in (str, str | None):
            replaced[name] = str(value)
    return replaced


def translate(
    error: ValidationError,
    model: type[BaseModel],
    values: Any,
    prefix: str = "",
    origins: Mapping[str, str] | None = None,
) -> list[str]:
    """Return a line for each key that a model refuses: its value, what is allowed, and the nearest name.

    Args:
        error: What pydantic raised.
        model: What was validated.
        values: What it was validated from.
        prefix: Precedes each key.
        origins: The source of each dotted path that is not from the command line.
    """
    reasons: dict[str, list[str]] = {}
    for detail in error.errors():
        path, value = _locate(detail["loc"], values)
        key = prefix + ".".join(path)
        if detail["type"] == "value_error" and isinstance(value, Mapping):
            # A model's own validator, whose lines begin with the key that they are about.
            reasons |= {line: [] for line in str(detail["ctx"]["error"]).split("\n")}
        elif detail["type"] == "extra_forbidden":
            known = [f"{prefix}{'.'.join([*path[:-1], name])}" for name in _names_in(model, path[:-1])]
            reasons[key] = [f"unknown key{nearest(key, known)}"]
        elif detail["type"] == "missing":
            reasons[".".join(filter(None, (key, str(detail["loc"][-1]))))] = ["is missing"]
        else:
            reasons.setdefault(f"{key}={shown(value)}" if key else "", []).append(_reason(detail, value))
    lines = (": ".join(filter(None, (key, " or ".join(texts)))) for key, texts in reasons.items())
    return [with_origin(line.replace(" or must be ", " or "), origins or {}) for line in lines]


def _locate(location: Sequence[int | str], values: Any) -> tuple[list[str], Any]:
    """Return the keys and the value that a location of pydantic's names, less the tags of its unions."""
    path = []
    for part in location:
        is_key = isinstance(values, Mapping) and part in values
        if is_key or (isinstance(values, list | tuple) and isinstance(part, int)):
            values = values[part]
            path.append(str(part))
    return path, values


def _names_in(model: Any, path: Sequence[str]) -> Sequence[str]:
    for part in path:
        model = getattr(model, "model_fields", {}).get(part)
        model = model and model.annotation
    return tuple(getattr(model, "model_fields", ()))


def _reason(detail: ErrorDetails, value: Any) -> str:
    """Return what is wrong with a value, without pydantic's terms."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context["expected"]))
        hint = nearest(shown(value), allowed)
        one_of = "one of " * (len(allowed) > 1)
        return f"must be {one_of}{', '.join(allowed)}{hint if hint.startswith('; did') else ''}"
    for start, reason in _REASONS.items():
        if kind.startswith(start):
            return reason.format(**{key: shown(value) for key, value in context.items()})
    return detail["msg"].removeprefix("Value error, ")


#: Beginnings of pydantic's error types, the more special before the more general.
_REASONS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "finite_number": "must be a finite number",
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


def with_origin(line: str, origins: Mapping[str, str]) -> str:
    """Put the source of a line's key, or of the group that it is in, before the line."""
    path = re.split("[=: ]", line)[0]
    while path and path not in origins:
        path = path.rpartition(".")[0]
    return f"{origins[path]}: {line}" if origins.get(path) else line


def shown(value: Any) -> str:
    """Return a value as a user would write it."""
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
