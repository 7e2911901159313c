"""JSON that others wrote, read as values of our own types: what is no such value is told in one line.

Pydantic checks it against the annotations of our dataclasses, as it parses: depth is bounded, nothing is
converted but whole numbers to floats, and no number is infinite or beyond 64 bits.
"""

import json
import math
from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    # Whoever looks into it asks for the type first.
    Plain: TypeAlias = Any
else:
    #: Any value of JSON.
    Plain = TypeAliasType(
        "Plain",
        "Annotated[bool | Whole | FiniteFloat | str | list[Plain] | dict[str, Plain] | None, "
        "Field(union_mode='left_to_right')]",
    )
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from failmap.run_folder.errors import unprintable

Kind = TypeVar("Kind")

#: How dataclasses are read: as `__pydantic_config__`.
CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)

#: A whole number that tables can hold.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
#: One that counts something.
Count = Annotated[int, Field(ge=0, lt=2**63)]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{text} has more than 64 bits")
    return number


#: JSON without checked types, for where speed counts; its numbers are bounded all the same. Raises
#: ValueError.
FINITE_JSON = json.JSONDecoder(parse_float=_finite, parse_int=_whole, parse_constant=_finite)


class ParseError(ValueError):
    """A text that is not what it must be.

    Attributes:
        line: where, from 1; None where it is JSON, but of another shape.
    """

    def __init__(self, told: str, line: int | None = None) -> None:
        super().__init__(told)
        self.line = line

    @property
    def place(self) -> str:
        """', line 3' behind a file's name; '' where no line is to blame."""
        return "" if self.line is None else f", line {self.line}"


def parse(kind: type[Kind], text: str | bytes, meant: str = "a value") -> Kind:
    """The value that a text of JSON holds.

    Args:
        kind: its type.
        text: in UTF-8, where it is bytes.
        meant: what it is to be, for the message.

    Raises:
        ParseError: it is no JSON, or holds something else.
    """
    try:
        value: Kind = _adapter(cast(Hashable, kind)).validate_json(text, strict=True)
    except ValidationError as error:
        raise _told(error, meant) from None
    return value


def parse_values(kind: type[Kind], values: Any, meant: str = "a value") -> Kind:
    """The same of what JSON, or YAML, was read into. Raises ParseError."""
    try:
        text = json.dumps(values, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParseError(f"not {meant}: {error}") from None
    return parse(kind, text, meant)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _told(error: ValidationError, meant: str) -> ParseError:
    """The first mistake, and where it is."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        told, _, place = str(first["ctx"]["error"]).rpartition(" at line ")
        return ParseError(f"not JSON: {told}", int(place.partition(" ")[0]))
    where = ".".join(map(str, first["loc"]))
    return ParseError(f"not {meant}: {where + ': ' if where else ''}{first['msg']}")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths and values of nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


MAX_CHARACTERS = 1_000_000
MAX_NESTING = 20
#: Keys, values and collections: a run's configuration has some hundreds, and reading 50,000 takes seconds.
MAX_NODES = 50_000


class YamlError(ValueError):
    """A text that is not plain YAML data, told in one line."""


def require_plain_data(text: str) -> None:
    """Looks at a text before anything is built from it.

    Aliases could grow without bound, tags could build objects, and deep nesting overflows the stack.

    Raises:
        YamlError: too large, too deep, or more than data.
        yaml.YAMLError: not YAML.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlError(f"longer than {MAX_CHARACTERS:,} characters")
    nesting = 0
    for num_nodes, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(f"the alias *{event.anchor} is not allowed: write the value itself")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            raise YamlError("tags (!) are not allowed: only plain data")
        if isinstance(event, yaml.ScalarEvent) and (character := unprintable(event.value, allowed="\n\t")):
            raise YamlError(f"the character {character} cannot be printed, and is not allowed")
        if isinstance(event, yaml.CollectionStartEvent):
            nesting += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            nesting -= 1
        if nesting > MAX_NESTING:
            raise YamlError(f"nested deeper than {MAX_NESTING} levels")
        if num_nodes > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES:,} keys and values")


def one_line(error: Exception) -> str:
    """What is wrong with a text that is not YAML, and where."""
    if isinstance(error, yaml.MarkedYAMLError):
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return f"not YAML: {error.problem or error.context}{line}"
    return f"not YAML: {(str(error).splitlines() or [''])[0]}"
