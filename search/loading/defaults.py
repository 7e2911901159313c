"""Defaults written out, so that a stored space is complete whatever a later version's defaults are."""

from collections.abc import Mapping, Sequence
from typing import Any

from failmap.datasets.config import TASK_CONFIGS
from failmap.search.loading.paths import GROUPS, Chosen
from failmap.search.space import Axis
from failmap.search.trial.output_config import NATURAL_LOSS


def default_of(chosen: Chosen, path: str) -> Any:
    """What a field is where nobody sets it, or None where it has no default."""
    group, _, field = path.partition(".")
    for kind in chosen.kinds(group).values():
        default = kind.model_fields[field].default
        return default if isinstance(default, int | float | str | bool) else None
    return None


def complete_base(
    chosen: Chosen, fixed: Mapping[str, Any], axes: Sequence[Axis]
) -> dict[str, dict[str, Any]]:
    """A trial's configuration as nested mappings, less what the axes set in every trial.

    Where trials differ in task or network, the base has the settings that all of them share.
    """
    always_set = {path for axis in axes if not axis.when for path in _targets(axis)}
    base: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        kinds = list(chosen.kinds(group).values())
        defaults = [{name: field.default for name, field in kind.model_fields.items()} for kind in kinds]
        shared = {
            name: default
            for name, default in (defaults[0] if defaults else {}).items()
            if name != "name" and all(name in other and other[name] == default for other in defaults)
        }
        values = shared | {
            path.partition(".")[2]: value for path, value in fixed.items() if path.startswith(f"{group}.")
        }
        base[group] = {name: value for name, value in values.items() if f"{group}.{name}" not in always_set}
    targets = {TASK_CONFIGS[name].kind for name in chosen.names["task"]}
    kind = targets.pop() if len(targets) == 1 else None
    if base["output"].get("loss", "") is None and kind is not None:
        base["output"]["loss"] = NATURAL_LOSS[kind]
    return base


def _targets(axis: Axis) -> set[str]:
    """The paths that every value of an axis sets."""
    if axis.values is None:
        return {axis.path}
    return set.intersection(*(set(axis.assignments(value)) for value in axis.values))
