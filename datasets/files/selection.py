"""The choice of features: columns that identify a row, sequence or group are left out, or asked about."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.identity import (
    Identity,
    climbs_stairs,
    grows_regularly,
    identity_of,
    is_constant,
    numbers_rows,
)
from failmap.datasets.files.labels import listed


def select_of_sequences(
    names: Sequence[str],
    values: Float64[np.ndarray, "rows features"],
    codes: Int64[np.ndarray, "rows"],
    targets: Float64[np.ndarray, "sequences *time"],
    config: ArrayFileConfig,
    *,
    has_groups: bool,
    what: str = "column",
) -> tuple[list[int], list[str]]:
    """Return the positions of the features of sequences, and notes on what is left out.

    Args:
        names: Of the features.
        values: Of all rows, sequence by sequence.
        codes: The sequence of each row, from 0.
        targets: Of each sequence, or of each step, padded with zeros.
        config: The settings.
        has_groups: Whether the file has groups already: then features may be constant within them.
        what: What a feature is in the file, for messages: a column, or a feature with a number.

    Raises:
        TaskError: A feature looks like a group of sequences, and the settings do not say whether it is.
    """
    ones = targets if targets.ndim == 1 else targets.sum(axis=1) / np.bincount(codes)
    is_class = config.target == "classification" and targets.ndim == 1
    found: dict[str, Identity] = {}
    for position, name in enumerate(names):
        kind = identity_of(values[:, position], codes, ones, is_class=is_class)
        if kind is not None and name not in kept_names(config):
            found[name] = kind
    out = [name for name, kind in found.items() if kind != "group"]
    groups = [name for name, kind in found.items() if kind == "group"]
    if groups and not has_groups and config.group_column == "auto":
        raise TaskError(*(_question(name, what) for name in groups))
    if len(out) == len(names):
        return list(range(len(names))), [
            f"{what} {listed(out)}: seems to number rows or sequences, and is kept: there is no other feature"
        ]
    notes = [_left_out(name, found[name], what) for name in out]
    if groups:
        notes.append(
            f"{what} {listed(groups)}: constant within each sequence and shared by several, kept as a feature"
        )
    return [position for position, name in enumerate(names) if name not in out], notes


def select_of_series(
    names: Sequence[str],
    values: Float64[np.ndarray, "rows features"],
    codes: Int64[np.ndarray, "rows"],
    config: ArrayFileConfig,
    *,
    has_time: bool,
    what: str = "column",
) -> tuple[list[int], list[str]]:
    """Return the positions of the features of a forecast, and notes on what is left out or forecast.

    Counters, such as a year, are no input and no target, unless the user named them: their continuation is
    known. The same holds for what is constant within each of several series, where all features are forecast.

    Args:
        names: Of the features.
        values: Of all rows, series by series.
        codes: The series of each row, from 0.
        config: The settings.
        has_time: Whether the file has times, so that none are offered.
        what: What a feature is in the file, for messages.
    """
    named = {str(config.target_column), *kept_names(config)}
    counters, offered, constant = [], [], []
    for position, name in enumerate(names):
        column = values[:, position]
        is_regular = grows_regularly(column, codes)
        if name in named:
            continue
        if is_regular or numbers_rows(column) or climbs_stairs(column, codes):
            counters.append(name)
            if is_regular and not has_time:
                offered.append(name)
        elif config.target_column is None and codes[-1] > 0 and is_constant(column, codes):
            constant.append(name)
    if len(counters) + len(constant) == len(names):
        return list(range(len(names))), [
            f"{what} {listed([*counters, *constant])}: only counts, and is kept: there is no other feature"
        ]
    notes = [_counted(name, offers_time=name in offered and what == "column", what=what) for name in counters]
    if constant:
        notes.append(
            f"{what} {listed(constant)}: constant within each series, left out: it needs no forecast; "
            "task.target_column=NAME makes all others inputs"
        )
    kept = [position for position, name in enumerate(names) if name not in {*counters, *constant}]
    if config.target_column is None and len(kept) > 1:
        one = names[kept[0]]
        notes.append(
            f"all of {what}s {listed([names[position] for position in kept])} are forecast; "
            f"task.target_column={one} takes one, and the others as inputs"
        )
    else:
        forecast = config.target_column if config.target_column is not None else names[kept[0]]
        inputs = listed([names[position] for position in kept])
        notes.append(f"{what} {forecast} is forecast from {inputs}")
    return kept, notes


def kept_names(config: ArrayFileConfig) -> tuple[str, ...]:
    """Return the features that the user keeps, whatever they look like."""
    return tuple(config.kept_columns.split("+")) if config.kept_columns else ()


def _question(name: str, what: str) -> str:
    """Return the message on a feature that may be a group."""
    group = (
        f"task.group_column={name} splits by it, and it is no feature"
        if what == "column"
        else "an array groups with its values splits by it (leave the feature out)"
    )
    return (
        f"{what} {name}: constant within each sequence and shared by several, like a patient or a machine, "
        f"which a random split would have in training and test: {group}; task.group_column=none keeps it as "
        "a feature, such as an age"
    )


def _left_out(name: str, kind: Identity, what: str) -> str:
    seems = "counts rows or steps" if kind == "counter" else "tells each sequence apart, as an id does"
    return f"{what} {name}: left out, it {seems}; task.kept_columns={name} keeps it"


def _counted(name: str, *, offers_time: bool, what: str) -> str:
    offer = f"task.time_column={name} makes it the time; " if offers_time else ""
    return (
        f"{what} {name}: left out, it only counts, so it is neither input nor target; {offer}"
        f"task.kept_columns={name} keeps it"
    )
