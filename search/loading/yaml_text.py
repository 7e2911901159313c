"""YAML with the numbers and the rules of a user's own words: no interpolations, nothing infinite."""

import math
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from failmap.analysis.yaml_text import MAX_CHARACTERS, YamlError, require_plain_data, told_in_a_line

__all__ = ["MAX_CHARACTERS", "YamlError", "parse_yaml"]


def parse_yaml(text: str) -> Any:
    """The mapping or list that a YAML text holds.

    OmegaConf reads it, because `yaml.safe_load` takes 1e-3 for a string.

    Raises:
        YamlError: not YAML, too large, too deep, or more than data.
    """
    if "${" in text:
        raise YamlError("${...} is not filled in here: write the value itself")
    try:
        require_plain_data(text)
        data = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except YamlError:
        raise
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise YamlError(told_in_a_line(error)) from None
    except AssertionError:
        # OmegaConf's own word on a text that is one number, say.
        raise YamlError("neither a mapping nor a list") from None
    _refuse_endless(data)
    return data


def _refuse_endless(data: Any) -> None:
    """Numbers that are not finite, and whole ones that no table can hold."""
    if isinstance(data, float) and not math.isfinite(data):
        raise YamlError("not a finite number")
    if isinstance(data, int) and abs(data) >= 2**63:
        raise YamlError("a whole number beyond 64 bits")
    if isinstance(data, dict):
        data = [*data.keys(), *data.values()]
    if isinstance(data, list):
        for value in data:
            _refuse_endless(value)
