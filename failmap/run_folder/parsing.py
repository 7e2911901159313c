"""Parsing of untrusted JSON and YAML into our own types, with errors of one line.

Pydantic checks JSON against the annotations of our dataclasses: depth is bounded, nothing is converted except
whole numbers to floats, and no number is infinite or beyond 64 bits.
"""

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, cast

import yaml
from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypeAliasType

from failmap.run_folder.errors import unprintable

if TYPE_CHECKING:
    # Its users check the type first.
    Plain: TypeAlias = Any
else:
    #: Any value of JSON.
    Plain = TypeAliasType(
        "Plain",
        "Annotated[bool | Whole | FiniteFloat | str | list[Plain] | dict[str, Plain] | None, "
        "Field(union_mode='left_to_right')]",
    )

Kind = TypeVar("Kind")

MAX_CHARACTERS = 1_000_000
MAX_NESTING = 20
#: Keys, values and collections: a run's configuration has some hundreds, and reading 50,000 takes seconds.
MAX_NODES = 50_000


class Checked:
    """Base of dataclasses that are parsed: no unknown keys, and only finite numbers."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)


#: A whole number that tables can hold.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
#: One that counts something.
Count = Annotated[int, Field(ge=0, lt=2**63)]


#: The start of every number beyond 64 bits or the largest float, and of some others: 19 digits in front of
#: the point, or an exponent of three digits.
_LARGE_NUMBER = re.compile(r"(?<![0-9.])[0-9]{19}|[eE]\+?[0-9]{3}")
#: Makes every such start one of two texts, for which a search takes a tenth of the time.
_DIGITS_AS_ZEROS = str.maketrans("123456789E", "000000000e", "+")


def usual_json(text: str) -> Any:
    """Return the value of a text of JSON whose numbers are all within 64 bits and finite, fast.

    No types are checked. Raises ValueError if it is not JSON, or if a number in it may be out of bounds:
    `parse` then decides, and finds the words for what is wrong.
    """
    digits = text.translate(_DIGITS_AS_ZEROS)
    may_be_large = "0" * 19 in digits or "e000" in digits
    if may_be_large and _LARGE_NUMBER.search(text):
        raise ValueError("a number may be out of bounds")
    return from_json(text, allow_inf_nan=False)


class ParseError(ValueError):
    """A text that is not JSON, or has another structure.

    Attributes:
        line: The line number, from 1; None if the text is JSON of another structure.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line

    @property
    def place(self) -> str:
        """', line 3' behind a file's name; '' where no line is to blame."""
        return "" if self.line is None else f", line {self.line}"


def parse(kind: type[Kind], text: str | bytes, meant: str = "a value") -> Kind:
    """Parse a text of JSON.

    Args:
        kind: The type of the value.
        text: The text; bytes are UTF-8.
        meant: The name of the value in messages.

    Raises:
        ParseError: It is not JSON, or not a value of this type.
    """
    try:
        return cast(Kind, _adapter(cast(Hashable, kind)).validate_json(text, strict=True))
    except ValidationError as error:
        raise _parse_error(error, meant) from None


def parse_values(kind: type[Kind], values: Any, meant: str = "a value") -> Kind:
    """Parse values that were read from JSON or YAML. Raises ParseError."""
    try:
        text = json.dumps(values, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParseError(f"not {meant}: {error}") from None
    return parse(kind, text, meant)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _parse_error(error: ValidationError, meant: str) -> ParseError:
    """Return the first mistake with its location."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        problem, _, location = str(first["ctx"]["error"]).rpartition(" at line ")
        return ParseError(f"not JSON: {problem}", int(location.partition(" ")[0]))
    where = ".".join(map(str, first["loc"]))
    return ParseError(f"not {meant}: {where + ': ' if where else ''}{first['msg']}")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted paths and values of nested dicts."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


class YamlError(ValueError):
    """A text that is not plain YAML data, with a message of one line."""


def require_plain_data(text: str) -> None:
    """Check a text before anything is built from it.

    Aliases can expand without bound, tags can build objects, and deep nesting overflows the stack.

    Raises:
        YamlError: It is too large, too deep, or not plain data.
        yaml.YAMLError: It is not YAML.
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


class _PlainLoader(yaml.SafeLoader):
    """Builds plain data by the core schema of YAML 1.2, and refuses a key that is twice in a mapping.

    PyYAML follows YAML 1.1, to which 010 is 8, 1:30 is 90, 1e-3 is a text, and `on` and `no` are true and
    false. A number with leading zeros stays a text here, which a numeric field reads as the decimal number.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping of a node. Raises yaml.constructor.ConstructorError for a key that is twice."""
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key: Any = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                problem = "a key must be one name"
            elif key in mapping:
                problem = f"the key {key} is there twice"
            else:
                mapping[key] = self.construct_object(value_node, deep=True)
                continue
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        return mapping


for _tag, _pattern, _starts in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
):
    _PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), [*_starts, *([""] * (_tag == "null"))]
    )


def load_plain_data(text: str) -> Any:
    """Return the data of a YAML text that `require_plain_data` has passed.

    Raises:
        yaml.YAMLError: It is not YAML, or a key is twice in a mapping.
        ValueError: A whole number has thousands of digits.
    """
    loader = _PlainLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def one_line(error: Exception) -> str:
    """Return the error of a text that is not YAML, with its line, as one line."""
    if isinstance(error, yaml.MarkedYAMLError):
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return f"not YAML: {error.problem or error.context}{line}"
    return f"not YAML: {(str(error).splitlines() or [''])[0]}"
