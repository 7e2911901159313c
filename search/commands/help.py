"""Help pages of commands, rendered from the configuration's fields, so that keys and defaults are right."""

import textwrap
from collections.abc import Iterator, Sequence
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
        usage: The command's arguments.
        about: One paragraph.
        examples: Arguments, and what they do.
        sections: The command's arguments in parts.
        notes: A last paragraph.
    """

    usage: str
    about: str
    examples: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    notes: str = ""

    @property
    def keys(self) -> list[str]:
        """The arguments, flags included."""
        return [
            key
            for section in self.sections
            if section.are_keys
            for row in section.rows
            for key in keys_of(row)
        ]

    def render(self, command: str) -> str:
        """Return the page as text."""
        typed = " ".join(program(command))
        lines = [f"usage: {typed} {self.usage}", "", *textwrap.wrap(self.about, WIDTH), ""]
        for position, (arguments, effect) in enumerate(self.examples):
            lines += ["Examples:"] * (position == 0) + [f"  {typed} {arguments}".rstrip(), f"      {effect}"]
        lines += [""] * bool(self.examples)
        for section in self.sections:
            lines += textwrap.wrap(section.title, WIDTH)
            for row in section.rows:
                lines += _columns(*row)
            lines += [""]
        lines += [*textwrap.wrap(self.notes, WIDTH), ""] * bool(self.notes)
        return "\n".join(lines)


def keys_of(row: Row) -> list[str]:
    """Return the arguments that a row describes: several, separated by commas, or none for a pattern."""
    return [key for key in row[0].split(", ") if not key.endswith("*")]


def _columns(key: str, text: str) -> list[str]:
    first = f"  {key}".ljust(_INDENT - 1) + " "
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * _INDENT)


def field_row(key: str, field: FieldInfo) -> Row:
    """Return a row with a field's description, type and default."""
    return key, meaning(field)


def run_rows(*keys: str) -> list[Row]:
    """Return the rows of fields of a run."""
    return [field_row(key, RunConfig.model_fields[key]) for key in keys]


def model_rows(prefix: str, model: type[BaseModel]) -> Iterator[Row]:
    """Yield the rows of all fields of a model but its name, those of nested models included."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield f"{prefix}{name}.*", " ".join((field.annotation.__doc__ or "").split())
            yield from model_rows(f"{prefix}{name}.", field.annotation)
        elif name != "name":
            yield field_row(f"{prefix}{name}", field)


def group_sections(group: Group) -> list[Section]:
    """Return the files of a group with what each sets, then the group's keys."""
    default = default_budget() if group == "budget" else "local"
    files = []
    for name in shipped(group):
        content = ", ".join(f"{key}={shown(value)}" for key, value in read_group(group, name)[1].items())
        files.append((name, content + " (default here)" * (name == default)))
    keys = [
        (group, "one of these names, or a path that ends in .yaml"),
        *model_rows(f"{group}.", RUN_GROUPS[group]),
    ]
    return [
        Section(f"{group.capitalize()} ({group}=NAME):", files, are_keys=False),
        Section(f"{group.capitalize()}, key by key:", keys),
    ]


def meaning(field: FieldInfo) -> str:
    """Return a field's description, the values it takes, and its default."""
    default = "" if field.default is PydanticUndefined else f"; default {shown(field.default)}"
    return f"{field.description or ''} ({_type_name(field.annotation)}{default})".lstrip()


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _type_name(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        name, value = get_args(annotation)
        return f"{{{_type_name(name)}: {_type_name(value)}, ...}}"
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_name(part) for part in get_args(annotation))
    names = {int: "whole number", float: "number", bool: "true or false", str: "text", NoneType: "none"}
    return names[annotation]
