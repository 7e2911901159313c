"""YAML as data only: bounded in size and depth, without tags, aliases or interpolations."""

import math
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

MAX_CHARACTERS = 1_000_000
MAX_NESTING = 20


class YamlError(ValueError):
    """A text that is not plain YAML data, told in one line."""


def parse_yaml(text: str) -> Any:
    """The mapping or list that a YAML text holds.

    OmegaConf reads it, because `yaml.safe_load` takes 1e-3 for a string.

    Raises:
        YamlError: not YAML, too large, too deep, or more than data.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlError(f"longer than {MAX_CHARACTERS:,} characters")
    if "${" in text:
        raise YamlError("${...} is not filled in here: write the value itself")
    try:
        _refuse_all_but_data(text)
        data = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except YamlError:
        raise
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise YamlError(f"not YAML: {error.problem or error.context}{line}") from None
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise YamlError(f"not YAML: {str(error).splitlines()[0]}") from None
    _refuse_infinities(data)
    return data


def _refuse_all_but_data(text: str) -> None:
    """Aliases could grow without bound, tags could build objects, and deep nesting overflows the stack."""
    nesting = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(f"the alias *{event.anchor} is not allowed: write the value itself")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            raise YamlError("tags (!) are not allowed: only plain data")
        if isinstance(event, yaml.CollectionStartEvent):
            nesting += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            nesting -= 1
        if nesting > MAX_NESTING:
            raise YamlError(f"nested deeper than {MAX_NESTING} levels")


def _refuse_infinities(data: Any) -> None:
    if isinstance(data, float) and not math.isfinite(data):
        raise YamlError("not a finite number")
    if isinstance(data, dict):
        data = [*data.keys(), *data.values()]
    if isinstance(data, list):
        for value in data:
            _refuse_infinities(value)
