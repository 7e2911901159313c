"""Help pages of commands, rendered from the configuration's fields, so that keys and defaults are right."""

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from failmap.run_folder.command_lines import program
from failmap.search.config import RunConfig
from failmap.search.loading.cli_args import Group, read_group, shipped
from failmap.search.loading.request import RUN_GROUPS, default_budget
from failmap.search.loading.validation import shown

WIDTH = 100
_INDENT = 30

#: A key, or a name, and its meaning.
Row = tuple[str, str]
RUN: Row = ("run", "name of the run (required)")
STORAGE: Row = ("storage", "folder that holds runs, also s3://BUCKET/FOLDER (text; default runs)")
JSON: Row = ("--json", "print JSON on standard output, and everything else on standard error (docs/json.md)")


@dataclass(frozen=True)
class Section:
    """A part of a help page.

    Attributes:
        title: A line that ends in a colon.
        rows: What it lists.
        are_keys: Whether the rows are the command's arguments, which a shell completes.
    """

    title: str
    rows: Sequence[Row]
    are_keys: bool = True


@dataclass(frozen=True)
class HelpPage:
    """The help of one command.

    Attributes:
        command: The function of the command's name. The first paragraph of its docstring is the page's
            first, and the others, if any, are its last ones.
        usage: The command's arguments.
        examples: Arguments, and what they do.
        sections: The command's arguments in parts.
    """

    command: Callable[..., int]
    usage: str
    examples: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    @property
    def keys(self) -> list[str]:
        """The arguments, flags included. A row may describe several, or a pattern that is none."""
        names = [name for section in self.sections if section.are_keys for name, _ in section.rows]
        return [key for name in names for key in name.split(", ") if not key.endswith("*")]

    def render(self) -> str:
        """Return the page as text."""
        typed = " ".join(program(self.command.__name__))
        about, *notes = inspect.cleandoc(self.command.__doc__ or "").split("\n\n")
        lines = [f"usage: {typed} {self.usage}", "", *textwrap.wrap(about, WIDTH), ""]
        if self.examples:
            lines += ["Examples:"]
            for arguments, effect in self.examples:
                lines += [f"  {typed} {arguments}".rstrip(), f"      {effect}"]
            lines += [""]
        for section in self.sections:
            lines += textwrap.wrap(section.title, WIDTH)
            for key, text in section.rows:
                first = f"  {key}".ljust(_INDENT - 1) + " "
                lines += textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * _INDENT)
            lines += [""]
        for note in notes:
            lines += [*textwrap.wrap(note, WIDTH), ""]
        return "\n".join(lines)


def run_rows(*keys: str) -> list[Row]:
    """Return the rows of fields of a run."""
    return [(key, meaning(RunConfig.model_fields[key])) for key in keys]


def model_rows(prefix: str, model: type[BaseModel]) -> Iterator[Row]:
    """Yield the rows of all fields of a model but its name, those of nested models included."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield f"{prefix}{name}.*", " ".join((field.annotation.__doc__ or "").split())
            yield from model_rows(f"{prefix}{name}.", field.annotation)
        elif name != "name":
            yield f"{prefix}{name}", meaning(field)


def group_sections(group: Group) -> list[Section]:
    """Return the files of a group with what each sets, then the group's keys."""
    default = default_budget() if group == "budget" else "local"
    files = []
    for name in shipped(group):
        content = ", ".join(f"{key}={shown(value)}" for key, value in read_group(group, name)[1].items())
        files.append((name, content + " (default here)" * (name == default)))
    title, about = group.capitalize(), (group, "one of these names, or a path that ends in .yaml")
    return [
        Section(f"{title} ({group}=NAME):", files, are_keys=False),
        Section(f"{title}, key by key:", [about, *model_rows(f"{group}.", RUN_GROUPS[group])]),
    ]


def meaning(field: FieldInfo) -> str:
    """Return a field's description, the values it takes, and its default."""
    default = "" if field.default is PydanticUndefined else f"; default {shown(field.default)}"
    return f"{field.description or ''} ({_type_name(field.annotation)}{default})".lstrip()


def _type_name(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin is Annotated:
        return _type_name(parts[0])
    if origin is dict:
        return f"{{{_type_name(parts[0])}: {_type_name(parts[1])}, ...}}"
    if origin is tuple:
        return f"{_type_name(parts[0])}, ..."
    if origin in (Union, UnionType):
        return " or ".join(map(_type_name, parts))
    names = {int: "whole number", float: "number", bool: "true or false", str: "text", NoneType: "none"}
    return names[annotation]
