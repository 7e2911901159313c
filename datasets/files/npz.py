"""Reading of .npz files."""

import math
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.arrays import Arrays, clock_of, one_for_each, sequences_of
from failmap.datasets.files.checks import as_numbers, require_finite, require_room
from failmap.datasets.files.contents import Sequences, Series, SeriesSet
from failmap.datasets.files.labels import counted
from failmap.datasets.files.selection import select_of_series


def read_npz(path: Path, config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of an .npz file.

    Raises:
        TaskError: The file is damaged, or its arrays do not fit. Nothing in it is unpickled.
    """
    if config.target == "forecasting":
        return _series(_load(path, ("series",), ("times",)), config)
    return sequences_of(_load(path, ("inputs", "targets"), ("lengths", "groups", "times")), config)


def _load(path: Path, required: tuple[str, ...], optional: tuple[str, ...]) -> Arrays:
    try:
        _check_headers(path, (*required, *optional))
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except TaskError:
        raise
    except Exception as error:  # For a damaged archive zipfile, zlib and numpy raise errors of many types.
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise TaskError(f"no .npz file that can be read; make one by numpy.savez ({reason})") from None
    missing = [name for name in required if name not in arrays]
    if missing:
        raise TaskError(f"array {missing[0]} is missing{nearest_name(missing[0], arrays)}")
    return arrays


def _check_headers(path: Path, known: tuple[str, ...]) -> None:
    """Check names, types and sizes of the arrays before one is unpacked. Raises TaskError."""
    num_bytes = 0
    with ZipFile(path) as archive:
        for member in archive.infolist()[: len(known) + 1]:
            with archive.open(member) as file:
                major, _ = np.lib.format.read_magic(file)
                read_header = (
                    np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = read_header(file)
            name = member.filename.removesuffix(".npy")
            if name not in known:
                raise TaskError(f"array {name}: no such array is read here{nearest_name(name, known)}")
            if dtype.hasobject:
                raise TaskError(
                    f"array {name} holds Python objects: pad ragged sequences with zeros to one array of "
                    "numbers, and give their lengths as the array lengths"
                )
            num_bytes += math.prod(shape) * max(dtype.itemsize, np.dtype(np.float64).itemsize)
    require_room(num_bytes, path.name)


def _series(arrays: Arrays, config: ArrayFileConfig) -> SeriesSet:
    values = as_numbers("series", arrays["series"])
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or 0 in values.shape:
        raise TaskError(
            f"series: has shape {arrays['series'].shape}, not (steps,), (steps, features) or "
            "(series, steps, features)"
        )
    require_finite("series", values, ("series", "step", "feature"))
    num_steps, num_features = values.shape[1:]
    times = one_for_each(arrays, "times", num_steps, "step")
    if times is not None:
        times = clock_of(times)
        (back,) = np.nonzero(times[1:] <= times[:-1])
        if len(back):
            raise TaskError(f"times: step {back[0] + 1} is not after the one before it, counted from 0")
    names, target = tuple(map(str, range(num_features))), config.target_column
    if target is not None and target not in range(num_features):
        raise TaskError(f"task.target_column={target}: series has the features 0 to {num_features - 1}")
    codes = np.repeat(np.arange(len(values)), num_steps)
    order, notes = select_of_series(
        names, values.reshape(-1, num_features), codes, config, has_time=times is not None, what="feature"
    )
    if target is not None:
        # The sort is stable: the target comes first, all others keep their order.
        order.sort(key=lambda feature: feature != target)
    series = tuple(Series(one[:, order], times, group) for group, one in enumerate(values))
    summary = f"read {len(values):,} series of {num_steps:,} steps with {counted(num_features, 'feature')}"
    num_targets = len(order) if target is None else 1
    return SeriesSet(series, num_targets, tuple(names[feature] for feature in order), (summary, *notes))
