"""YAML as data only: bounded in size and depth, without tags, aliases or what cannot be printed."""

import yaml

from failmap.analysis.printable import unprintable

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


def told_in_a_line(error: Exception) -> str:
    """What is wrong with a text that is not YAML, and where."""
    if isinstance(error, yaml.MarkedYAMLError):
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return f"not YAML: {error.problem or error.context}{line}"
    return f"not YAML: {(str(error).splitlines() or [''])[0]}"
