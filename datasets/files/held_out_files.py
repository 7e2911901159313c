"""Validation and test files of the user's own, beside the file that is trained on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.split import Parts, Rows, shuffled, split_sequences
from failmap.datasets.files.windows import Windows, all_windows, cut_windows, thinned

Read = Callable[[ArrayFileConfig], Sequences | SeriesSet]


def split_with_files(sequences: Sequences, config: ArrayFileConfig, read: Read) -> tuple[Sequences, Parts]:
    """Return the sequences of all files, one file after the other, and their rows in each part.

    What has no file of its own is split from `task.path`; validation then takes `task.test_share` of it.

    Args:
        sequences: Those of `task.path`.
        config: The task.
        read: Reads the file of another `task.path`.

    Raises:
        TaskError: A file has other features, or another kind of targets.
    """
    if config.validation_path is None and config.test_path is None:
        return sequences, split_sequences(sequences, config)
    own = _contents(config, read)
    joined, rows = sequences, dict[str, Rows]()
    for name, other in own.items():
        assert isinstance(other, Sequences)
        _require_same(config, name, sequences.features, other.features)
        if other.targets.ndim != sequences.targets.ndim:
            raise TaskError(f"task.{name}={getattr(config, name)}: has other targets than {config.path}")
        rows[name] = len(joined) + np.arange(len(other))
        joined = _joined(joined, other)
    if len(own) == 2:
        train, held_out = shuffled(len(sequences)), None
    else:
        parts = split_sequences(sequences, config)
        train, held_out = np.concatenate([parts.train, parts.validation]), parts.test
    known = {_bytes(joined, row) for row in train}
    notes = [
        f"{num_alike} of {len(of_file)} sequences in {Path(getattr(config, name)).name} are in training, too"
        for name, of_file in rows.items()
        if (num_alike := sum(_bytes(joined, row) in known for row in of_file))
    ]
    return joined, _parts(train, held_out, rows, tuple(notes))


def windows_with_files(series_set: SeriesSet, config: ArrayFileConfig, read: Read) -> Windows:
    """Return the windows of all files' series, as `split_with_files` does for sequences."""
    if config.validation_path is None and config.test_path is None:
        return cut_windows(series_set, config)
    span = config.sequence_length + config.horizon
    own = _contents(config, read)
    series = list(series_set.series)
    values = np.concatenate([one.values for one in series])
    if len(own) == 2:
        train, held_out = all_windows(series_set.series, span)[::-1].copy(), None
    else:
        windows = cut_windows(series_set, config)
        train = np.concatenate([windows.parts.train, windows.parts.validation])
        held_out = windows.parts.test
    rows = dict[str, Rows]()
    for name, other in own.items():
        assert isinstance(other, SeriesSet)
        _require_same(config, name, series_set.features, other.features)
        rows[name] = thinned(len(values) + all_windows(other.series, span))
        values = np.concatenate([values, *(one.values for one in other.series)])
        series += other.series
    parts = _parts(train, held_out, rows, ())
    remedy = f"windows of task.sequence_length and task.horizon need {span} steps in a row"
    lengths = tuple(len(one.values) for one in series)
    return Windows(values, lengths, parts.checked("time", remedy), span)


def _contents(config: ArrayFileConfig, read: Read) -> dict[str, Sequences | SeriesSet]:
    """Read the files by the names of their settings."""
    own = {}
    for name in ("validation_path", "test_path"):
        path = getattr(config, name)
        if path is not None:
            try:
                own[name] = read(config.model_copy(update={"path": path}))
            except TaskError as error:
                raise TaskError(f"task.{name}={path}: {error}") from None
    return own


def _require_same(
    config: ArrayFileConfig, name: str, wanted: tuple[str, ...], found: tuple[str, ...]
) -> None:
    if wanted != found:
        raise TaskError(
            f"task.{name}={getattr(config, name)}: has the features {', '.join(found)}, and "
            f"{Path(config.path).name} has {', '.join(wanted)}"
        )


def _parts(train: Rows, held_out: Rows | None, rows: dict[str, Rows], notes: tuple[str, ...]) -> Parts:
    """Return the parts, with the rows of what was held out of `task.path` where a file is missing."""
    validation, test = (rows.get(name, held_out) for name in ("validation_path", "test_path"))
    assert validation is not None
    assert test is not None
    return Parts(train, validation, test, notes)


def _joined(one: Sequences, other: Sequences) -> Sequences:
    """Return the sequences of both, without groups and times: the files are the split."""
    num_steps = max(one.inputs.shape[1], other.inputs.shape[1])
    return replace(
        one,
        inputs=np.concatenate([_padded(part.inputs, num_steps) for part in (one, other)]),
        targets=np.concatenate(
            [
                part.targets if part.targets.ndim == 1 else _padded(part.targets, num_steps)
                for part in (one, other)
            ]
        ),
        lengths=np.concatenate([one.lengths, other.lengths]),
        groups=None,
        spans=None,
    )


def _padded(
    values: Float64[np.ndarray, "sequences time *features"], num_steps: int
) -> Float64[np.ndarray, "sequences longest *features"]:
    missing = [(0, 0), (0, num_steps - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
    padded: Float64[np.ndarray, "sequences longest *features"] = np.pad(values, missing)
    return padded


def _bytes(sequences: Sequences, row: Int64[np.ndarray, ""] | np.int64 | int) -> bytes:
    inputs: Shaped[np.ndarray, "time features"] = sequences.inputs[row, : sequences.lengths[row]]
    return inputs.tobytes()
