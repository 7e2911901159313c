"""Single fields of the configuration models: their names, and their values in plain words."""

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, create_model
from pydantic_core import ErrorDetails

from failmap.analysis.errors import nearest


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
