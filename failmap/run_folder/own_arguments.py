"""Arguments that own code is called with: any names, and plain values. No torch here."""

import keyword
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from failmap.run_folder.parsing import ParseError, Plain, parse_values


class Arguments(dict[str, Any]):
    """A mapping that can be hashed, as the fields of a frozen configuration must be. Never changed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(sorted(self.items())))

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.items())


def _plain_arguments(values: Any) -> Arguments:
    """Check names and values; the word none becomes None, as in all settings."""
    if not isinstance(values, Mapping):
        raise _error("must be a mapping of names to values")
    held = Arguments()
    for name, value in values.items():
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise _error(f"{name} is no name that an argument can have")
        try:
            parse_values(Plain, value)
        except ParseError:
            raise _error(f"{name} must be a number, a text, true or false, or a list of them") from None
        held[name] = None if value == "none" else value
    return held


def _error(message: str) -> PydanticCustomError:
    # Braces would be filled in.
    return PydanticCustomError("own_arguments", "{message}", {"message": message})


#: The type of a field that holds the arguments of own code.
OwnArguments = Annotated[Arguments, PlainValidator(_plain_arguments), PlainSerializer(dict)]
