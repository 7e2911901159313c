"""A run's configuration as its config.yaml, and what differs between two of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import OmegaConf
from pydantic import ValidationError

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import flatten
from failmap.run_folder.storage import AnyPath, store_of
from failmap.search.config import RunConfig
from failmap.search.loading.cli_args import MAX_CHARACTERS, YamlError, parse_yaml
from failmap.search.loading.fields import model_problems, shown
from failmap.search.space import Axis

#: What a resumed run may have otherwise.
_RESUMABLE = ("budget.", "cluster.", "keep")
#: Where a run lies is not what it is.
_PLACE = ("run", "storage")


def to_yaml(config: RunConfig) -> str:
    """The text of config.yaml, from which the run can be repeated."""
    return str(OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json"))))


def from_yaml(source: str | AnyPath) -> RunConfig:
    """Reads config.yaml: its text, or its path.

    Raises:
        UserError: it cannot be read, or is no complete configuration.
    """
    name = "config.yaml" if isinstance(source, str) else str(source)
    try:
        text = source if isinstance(source, str) else _read(source)
        return RunConfig.model_validate(parse_yaml(text))
    except ValidationError as error:
        raise UserError(*(f"{name}: {problem}" for problem in model_problems(error))) from None
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}") from None
    except (YamlError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: {error}") from None


def differences(old: RunConfig, new: RunConfig) -> list[str]:
    """One line for each dotted path that differs: `train.clip_norm: 1 -> 5`, except a run's place."""
    before, after = dict(flat(old)), dict(flat(new))
    absent = "not set"
    return [
        f"{path}: {before.get(path, absent)} -> {after.get(path, absent)}"
        for path in dict.fromkeys([*before, *after])
        if before.get(path, absent) != after.get(path, absent)
    ]


def unresumable_differences(old: RunConfig, new: RunConfig) -> list[str]:
    """The differences that make it another run: all but budget, cluster, keep and values added to an axis."""
    grown = {
        axis.path
        for axis in new.space.axes
        for other in old.space.axes
        if axis.path == other.path and _has_grown(other, axis)
    }
    changed = (line for line in differences(old, new) if not line.startswith(_RESUMABLE))
    return [line for line in changed if line.partition(": ")[0] not in grown]


def _has_grown(old: Axis, new: Axis) -> bool:
    """Whether the new axis has the old one's values, in their order, and only more."""
    if old.values is None or new.values is None:
        return False
    same = old.model_copy(update={"values": new.values}) == new
    return same and new.values[: len(old.values)] == old.values


def flat(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Dotted paths, as words have them, and values as a user would write them."""
    values = config.model_dump(mode="json", exclude={"space": {"axes", "base"}})
    space = values.pop("space")
    yield from _told({key: value for key, value in values.items() if key not in _PLACE})
    yield "space", space.pop("name")
    yield from _told(space)
    yield from _told(config.space.base)
    for axis in config.space.axes:
        described = axis.model_dump(mode="json", exclude={"path"}, exclude_defaults=True)
        is_plain = axis.values is not None and not axis.when and axis.default == axis.values[0]
        yield axis.path, shown(axis.values if is_plain else described)


def _told(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((path, shown(value)) for path, value in flatten(values))


def _read(path: AnyPath) -> str:
    return store_of(path).read(path).decode("utf-8")[: MAX_CHARACTERS + 1]
