"""A run's configuration as its config.yaml, and the differences between two of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import OmegaConf
from pydantic import ValidationError

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import flatten
from failmap.run_folder.storage import AnyPath, store_of
from failmap.search.config import RunConfig
from failmap.search.loading.cli_args import MAX_CHARACTERS, YamlError, parse_yaml
from failmap.search.loading.validation import shown, translate
from failmap.search.space import Axis

#: Beginnings of the keys that a resumed run may have otherwise.
_RESUMABLE = ("budget.", "cluster.", "keep")
#: Keys that say where a run is, not what it is.
_LOCATION = ("run", "storage")


def to_yaml(config: RunConfig) -> str:
    """Return the text of config.yaml, from which the run can be repeated."""
    return str(OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json"))))


def from_yaml(source: str | AnyPath) -> RunConfig:
    """Read config.yaml from its text or its path.

    Raises:
        UserError: It cannot be read, or is no complete configuration.
    """
    name = "config.yaml" if isinstance(source, str) else str(source)
    try:
        text = source if isinstance(source, str) else _read(source)
        values = parse_yaml(text)
        return RunConfig.model_validate(values)
    except ValidationError as error:
        problems = translate(error, RunConfig, values)
        raise UserError(*(f"{name}: {problem}" for problem in problems)) from None
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}") from None
    except (YamlError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: {error}") from None


def differences(old: RunConfig, new: RunConfig) -> list[str]:
    """Return a line for each dotted path that differs, as `train.clip_norm: 1 -> 5`, except the location."""
    before, after = dict(flat(old)), dict(flat(new))
    absent = "not set"
    return [
        f"{path}: {before.get(path, absent)} -> {after.get(path, absent)}"
        for path in dict.fromkeys([*before, *after])
        if before.get(path, absent) != after.get(path, absent)
    ]


def unresumable_differences(old: RunConfig, new: RunConfig) -> list[str]:
    """Return the differences that make it another run.

    Budget, cluster, keep and values added to an axis make none.
    """
    grown = {
        axis.path
        for axis in new.space.axes
        for other in old.space.axes
        if axis.path == other.path and _has_grown(other, axis)
    }
    changed = (line for line in differences(old, new) if not line.startswith(_RESUMABLE))
    return [line for line in changed if line.partition(": ")[0] not in grown]


def _has_grown(old: Axis, new: Axis) -> bool:
    """Return whether the new axis begins with the old one's values and is otherwise the same."""
    if old.values is None or new.values is None:
        return False
    same = old.model_copy(update={"values": new.values}) == new
    return same and new.values[: len(old.values)] == old.values


def flat(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Yield dotted paths, as arguments have them, and values as a user would write them."""
    values = config.model_dump(mode="json", exclude={"space": {"axes", "base"}})
    space = values.pop("space")
    yield from _shown({key: value for key, value in values.items() if key not in _LOCATION})
    yield "space", space.pop("name")
    yield from _shown(space)
    yield from _shown(config.space.base)
    for axis in config.space.axes:
        described = axis.model_dump(mode="json", exclude={"path"}, exclude_defaults=True)
        is_plain = axis.values is not None and not axis.when and axis.default == axis.values[0]
        yield axis.path, shown(axis.values if is_plain else described)


def _shown(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((path, shown(value)) for path, value in flatten(values))


def _read(path: AnyPath) -> str:
    return store_of(path).read(path).decode("utf-8")[: MAX_CHARACTERS + 1]
