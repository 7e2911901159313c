"""YAML groups: the spaces, budgets and clusters that ship, or a user's own files."""

from pathlib import Path
from typing import Any, Literal

from failmap.analysis.errors import nearest
from failmap.search.loading.yaml_text import MAX_CHARACTERS, parse_yaml

Group = Literal["space", "budget", "cluster"]

CONF = Path(__file__).parent.parent / "conf"


class GroupError(ValueError):
    """A group's file that is not there or cannot be read, told in one line."""


def shipped(group: Group) -> list[str]:
    """Names of the files that ship, in the order of the alphabet."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def read_group(group: Group, choice: str) -> tuple[str, dict[str, Any]]:
    """Name and content of a group's file: a shipped name, or a path that ends in .yaml.

    Raises:
        GroupError: no such file, or not a mapping in plain YAML.
    """
    path = Path(choice)
    if path.suffix not in (".yaml", ".yml"):
        if choice not in shipped(group):
            hint = nearest(choice, shipped(group))
            raise GroupError(f"{group}={choice}: no such {group}, and no path that ends in .yaml{hint}")
        path = CONF / group / f"{choice}.yaml"
    try:
        with path.open(encoding="utf-8") as file:
            data = parse_yaml(file.read(MAX_CHARACTERS + 1))
    except FileNotFoundError:
        raise GroupError(f"{group}={choice}: no such file") from None
    except UnicodeDecodeError:
        raise GroupError(f"{group}={choice}: not a text in UTF-8") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise GroupError(f"{group}={choice}: {reason}") from None
    if not isinstance(data, dict):
        raise GroupError(f"{group}={choice}: holds no mapping of keys to values")
    return path.stem, {str(key): value for key, value in data.items()}


def question_of(space: str) -> str:
    """The question that a shipped space asks, for help texts."""
    return str(read_group("space", space)[1]["question"])
