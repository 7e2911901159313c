"""Command-line arguments as key=value, and the YAML files that they name."""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.parsing import (
    MAX_CHARACTERS,
    YamlError,
    load_plain_data,
    one_line,
    require_plain_data,
)
from failmap.run_folder.paths import names_of_runs
from failmap.run_folder.storage import parse_location


def parse_yaml(text: str) -> Any:
    """Return the mapping or list of a YAML text.

    Scalars are read as YAML 1.2 reads them: 1e-3 is a number, `1:30`, `no` and 010 are texts, of which a
    numeric field takes the last one as ten.

    Raises:
        YamlError: It is not YAML, too large, too deep, or more than data.
    """
    if "${" in text:
        raise YamlError("${...} is not filled in here: write the value itself")
    try:
        require_plain_data(text)
        data = load_plain_data(text)
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(one_line(error)) from None
    if data is None:
        return {}
    if not isinstance(data, dict | list):
        raise YamlError("neither a mapping nor a list")
    _require_bounded(data)
    return data


def _require_bounded(data: Any) -> None:
    """Raise YamlError for numbers that are not finite, and whole ones that no table can hold."""
    if isinstance(data, float) and not math.isfinite(data):
        raise YamlError("not a finite number")
    if isinstance(data, int) and abs(data) >= 2**63:
        raise YamlError("a whole number beyond 64 bits")
    if isinstance(data, dict):
        data = [*data.keys(), *data.values()]
    if isinstance(data, list):
        for value in data:
            _require_bounded(value)


@dataclass(frozen=True)
class Argument:
    """One argument: its key, its value as text, and its value as data (several values are a list)."""

    key: str
    text: str
    value: Any

    @property
    def values(self) -> list[Any]:
        """The value or values as a list."""
        return self.value if isinstance(self.value, list) else [self.value]

    def __str__(self) -> str:
        return f"{self.key}={self.text}"


def parse_arguments(arguments: Sequence[str], problems: list[str]) -> dict[str, Argument]:
    """Return arguments by their keys. Those that are none are left out and add a problem."""
    read: dict[str, Argument] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not argument.isprintable():
            problems.append(f"{argument!a}: has a character that cannot be printed")
        elif not equals or not key:
            problems.append(f"{argument}: must be key=value")
        elif not text.strip():
            problems.append(f"{argument}: no value after the equals sign")
        elif key in read:
            problems.append(f"{argument}: {key} is set already, by {read[key]}")
        else:
            try:
                read[key] = Argument(key, text, _value(key, text))
            except YamlError as error:
                problems.append(f"{argument}: {error}")
    return read


def _value(key: str, text: str) -> Any:
    if key in ("run", "storage", "space", "budget", "cluster", "shard", "journal"):
        # Names and paths are not YAML.
        if "${" in text:
            raise YamlError("${...} is not filled in here: write the value itself")
        return text
    if is_function(key, text):
        return text
    try:
        listed = parse_yaml(f"[{text}]")
    except YamlError:
        _require_no_such_file(key, text)
        raise
    assert isinstance(listed, list), listed
    if listed != [text]:
        _require_no_such_file(key, text)
    if listed in ([], [[]], [{}]):
        raise YamlError("no value in it")
    return listed[0] if len(listed) == 1 else listed


def is_function(key: str, text: str) -> bool:
    """Return whether an argument names a training function, rather than settings of the group `train`."""
    return key == "train" and not text.lstrip().startswith(("{", "["))


def _require_no_such_file(key: str, text: str) -> None:
    """Raise YamlError if a path that YAML reads otherwise, as several for example, is the name of a file."""
    if not key.endswith("path") or text.startswith(("'", '"')):
        return
    is_file = False
    with suppress(OSError, ValueError):
        is_file = Path(text).exists()
    if is_file:
        quoted = shlex.quote(f"{key}={json.dumps(text, ensure_ascii=False)}")
        raise YamlError(f"is read as YAML, not as the file of this name: write {quoted}")


def boolean(argument: Argument | None, problems: list[str], default: bool = False) -> bool:
    """Return the value of an argument that is true or false, or add a problem; the default without one."""
    if argument is None:
        return default
    if not isinstance(argument.value, bool):
        problems.append(f"{argument}: must be true or false")
    return bool(argument.value)


def read_run_arguments(
    arguments: Sequence[str], keys: Sequence[str] = (), *, needs_run: bool = True
) -> dict[str, str]:
    """Return the texts of the arguments of a command that reads runs, by key.

    Args:
        arguments: The command line's.
        keys: The keys that the command takes besides `run` and `storage`, whose default is 'runs'.
        needs_run: Whether `run` must be given.

    Raises:
        UserError: An argument is not key=value, a key is unknown, or `run` is missing; all mistakes at once.
    """
    known = ("run", "storage", *keys)
    settings, problems = {"storage": "runs"}, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            problems.append(f"{argument!r} is not key=value")
        elif key not in known:
            problems.append(f"unknown key {key!r}{nearest(key, known)}")
        else:
            settings[key] = value
    if needs_run and "run" not in settings and not problems:
        existing = names_of_runs(parse_location(settings["storage"]))
        hint = f"; in {settings['storage']}: {', '.join(existing)}" if existing else ""
        problems.append(f"run=NAME is missing{hint}")
    if problems:
        raise UserError(*problems)
    return settings


def is_true(settings: Mapping[str, str], key: str, default: bool) -> bool:
    """Return the value of a key that is true or false. Raises UserError for anything else."""
    text = settings.get(key, str(default))
    if text.lower() not in ("true", "false"):
        raise UserError(f"{key}={text}: must be true or false")
    return text.lower() == "true"


Group = Literal["space", "budget", "cluster"]

CONF = Path(__file__).parent.parent / "conf"


def shipped(group: Group) -> list[str]:
    """Return the names of the files that ship, sorted."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def read_group(group: Group, choice: str) -> tuple[str, dict[str, Any]]:
    """Return the name and content of a group's file.

    Args:
        group: The group.
        choice: The name of a file that ships, or a path that ends in .yaml.

    Raises:
        UserError: There is no such file, or it is not a mapping in plain YAML; one line.
    """
    path = Path(choice)
    if path.suffix not in (".yaml", ".yml"):
        if choice not in shipped(group):
            hint = nearest(choice, shipped(group))
            raise UserError(f"{group}={choice}: no such {group}, and no path that ends in .yaml{hint}")
        path = CONF / group / f"{choice}.yaml"
    try:
        with path.open(encoding="utf-8") as file:
            data = parse_yaml(file.read(MAX_CHARACTERS + 1))
    except FileNotFoundError:
        raise UserError(f"{group}={choice}: no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{group}={choice}: not a text in UTF-8") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{group}={choice}: {reason}") from None
    if not isinstance(data, dict):
        raise UserError(f"{group}={choice}: holds no mapping of keys to values")
    return path.stem, {str(key): value for key, value in data.items()}


def question_of(space: str) -> str:
    """Return the question that a shipped space asks, for help texts."""
    return str(read_group("space", space)[1]["question"])
