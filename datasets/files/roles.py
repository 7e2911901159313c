"""Roles of a table's columns, as the settings name them."""

from collections.abc import Sequence
from dataclasses import dataclass

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name

_DEFAULT_NAMES = {
    "sequence_column": "sequence",
    "step_column": "step",
    "time_column": "time",
    "group_column": "group",
}


@dataclass(frozen=True)
class Roles:
    """Names of the columns that are no features; None where the table has no such column.

    Attributes:
        sequence: Which sequence a row belongs to.
        step: The order of a sequence's rows.
        time: When a row was.
        group: Patient, machine, ... of a sequence.
        target: The target of a sequence or step; None for a forecast, whose target is a feature.
        ignored: Columns to leave out.
    """

    sequence: str | None
    step: str | None
    time: str | None
    group: str | None
    target: str | None
    ignored: tuple[str, ...]

    def features(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the columns without another role."""
        special = {self.sequence, self.step, self.time, self.group, self.target, *self.ignored}
        return tuple(name for name in columns if name not in special)


def find_roles(columns: Sequence[str], config: ArrayFileConfig) -> Roles:
    """Return the roles of a table's columns.

    Raises:
        TaskError: A column that the settings name, or that the task needs, is missing.
    """
    problems: list[str] = []

    def find(key: str) -> str | None:
        name = str(getattr(config, key))
        if name == "auto":
            default = _DEFAULT_NAMES[key]
            return default if default in columns else None
        if name == "none" and key == "group_column":
            return None
        if name not in columns:
            problems.append(f"task.{key}={name}: no such column{nearest_name(name, columns)}")
        return name

    found = {key: find(key) for key in _DEFAULT_NAMES}
    target = None
    if config.target == "forecasting":
        if config.target_column is not None and str(config.target_column) not in columns:
            name = str(config.target_column)
            problems.append(f"task.target_column={name}: no such column{nearest_name(name, columns)}")
    else:
        target = "target" if config.target_column is None else str(config.target_column)
        if target not in columns:
            problems.append(
                f"no column {target} for the target{nearest_name(target, columns)}; "
                "task.target_column=NAME names it"
            )
        if found["sequence_column"] is None:
            near = nearest_name("sequence", columns)
            problems.append(
                f"no column sequence says which sequence a row belongs to{near}; task.sequence_column=NAME "
                "names it"
            )
    lists: dict[str, tuple[str, ...]] = {}
    for key in ("ignored_columns", "kept_columns"):
        lists[key] = tuple((getattr(config, key) or "").split("+")) if getattr(config, key) else ()
        problems += [
            f"task.{key}: no column {name}{nearest_name(name, columns)}"
            for name in lists[key]
            if name not in columns
        ]
    if problems:
        raise TaskError(*problems)
    return Roles(
        sequence=found["sequence_column"],
        step=found["step_column"],
        time=found["time_column"],
        group=found["group_column"],
        target=target,
        ignored=lists["ignored_columns"],
    )
