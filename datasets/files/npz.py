"""Reading of .npz files."""

import math
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from jaxtyping import Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.checks import as_codes, as_numbers, require_finite, require_room
from failmap.datasets.files.contents import Sequences, Series, SeriesSet

_OF_SEQUENCES = ("inputs", "targets", "lengths", "groups", "times")
_OF_SERIES = ("series", "times")

Arrays = dict[str, Shaped[np.ndarray, "..."]]


def read_npz(path: Path, config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of an .npz file.

    Raises:
        TaskError: The file is not as it must be. Nothing in it is unpickled.
    """
    is_forecast = config.target == "forecasting"
    arrays = _load(path, _OF_SERIES if is_forecast else _OF_SEQUENCES)
    return _series(arrays, config) if is_forecast else _sequences(arrays, config)


def _load(path: Path, known: tuple[str, ...]) -> Arrays:
    try:
        _require_plain_arrays(path, known)
        with np.load(path, allow_pickle=False) as file:
            unknown = [name for name in file.files if name not in known]
            if unknown:
                raise TaskError(
                    f"array {unknown[0]}: no such array is read here{nearest_name(unknown[0], known)}"
                )
            arrays = {name: _member(file, name) for name in file.files}
    except TaskError:
        raise
    except Exception as error:  # A damaged archive has zipfile, zlib and numpy raise whatever they meet.
        told = str(error).partition("\n")[0] or type(error).__name__
        raise TaskError(f"no .npz file that can be read; make one by numpy.savez ({told})") from None
    missing = [name for name in known[: 1 if "series" in known else 2] if name not in arrays]
    if missing:
        raise TaskError(f"array {missing[0]} is missing{nearest_name(missing[0], arrays)}")
    return arrays


def _require_plain_arrays(path: Path, known: tuple[str, ...]) -> None:
    """Check what the archive states about its arrays before one is unpacked. Raises TaskError."""
    with ZipFile(path) as archive:
        num_bytes = 0
        for member in archive.infolist()[: len(known) + 1]:
            with archive.open(member) as file:
                major, _ = np.lib.format.read_magic(file)
                read_header = (
                    np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = read_header(file)
            num_bytes += math.prod(shape) * max(dtype.itemsize, np.dtype(np.float64).itemsize)
        require_room(num_bytes, path.name)


def _member(file: "np.lib.npyio.NpzFile", name: str) -> Shaped[np.ndarray, "..."]:
    try:
        return np.asarray(file[name])
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise TaskError(
            f"array {name} holds Python objects: pad ragged sequences with zeros to one array of numbers, "
            "and give their lengths as the array lengths"
        ) from None


def _sequences(arrays: Arrays, config: ArrayFileConfig) -> Sequences:
    inputs = as_numbers("inputs", arrays["inputs"])
    if inputs.ndim == 2:
        inputs = inputs[:, :, None]
    if inputs.ndim != 3 or 0 in inputs.shape:
        raise TaskError(
            f"inputs: has shape {_shape(arrays['inputs'])}, not (sequences, steps, features) or "
            "(sequences, steps)"
        )
    num_sequences, num_steps, num_features = inputs.shape
    lengths = _lengths(arrays.get("lengths"), num_sequences, num_steps)
    is_step = np.arange(num_steps) < lengths[:, None]
    require_finite("inputs", inputs, ("sequence", "step", "feature"), is_step[:, :, None])

    targets = as_numbers("targets", arrays["targets"])
    wanted = (num_sequences, num_steps) if config.supervision == "every_step" else (num_sequences,)
    if targets.shape != wanted:
        other = "last" if config.supervision == "every_step" else "every_step"
        hint = f": set task.supervision={other}" if targets.shape in _target_shapes(inputs.shape) else ""
        raise TaskError(
            f"targets: has shape {_shape(targets)}, and task.supervision={config.supervision} needs "
            f"{_shape_text(wanted)}{hint}"
        )
    is_label = is_step if targets.ndim == 2 else None
    require_finite("targets", targets, ("sequence", "step")[: targets.ndim], is_label)
    groups, times = (_one_a_sequence(arrays, name, num_sequences) for name in ("groups", "times"))
    return Sequences(
        inputs=np.where(is_step[:, :, None], inputs, 0.0),
        targets=targets if is_label is None else np.where(is_label, targets, 0.0),
        lengths=lengths,
        groups=None if groups is None else as_codes(groups),
        spans=None if times is None else np.stack([_clock(times)] * 2, axis=1),
        features=tuple(map(str, range(num_features))),
    )


def _target_shapes(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    return shape[:1], shape[:2]


def _lengths(
    lengths: Shaped[np.ndarray, "..."] | None, num_sequences: int, num_steps: int
) -> Shaped[np.ndarray, "sequences"]:
    if lengths is None:
        return np.full(num_sequences, num_steps, dtype=np.int64)
    if lengths.shape != (num_sequences,):
        raise TaskError(f"lengths: has shape {_shape(lengths)}, not ({num_sequences},)")
    numbers = as_numbers("lengths", lengths)
    (wrong,) = np.nonzero(~((numbers >= 1) & (numbers <= num_steps) & (numbers == np.round(numbers))))
    if len(wrong):
        raise TaskError(
            f"lengths: sequence {wrong[0]} has {numbers[wrong[0]]:g}, not a whole number from 1 to "
            f"{num_steps}"
        )
    return numbers.astype(np.int64)


def _one_a_sequence(arrays: Arrays, name: str, num_sequences: int) -> Shaped[np.ndarray, "sequences"] | None:
    values = arrays.get(name)
    if values is not None and values.shape != (num_sequences,):
        raise TaskError(f"{name}: has shape {_shape(values)}, not ({num_sequences},): one for each sequence")
    return values


def _clock(times: Shaped[np.ndarray, "times"]) -> Shaped[np.ndarray, "times"]:
    """Return times as numbers that can be compared: dates become whole numbers."""
    if times.dtype.kind == "M":
        if np.isnat(times).any():
            raise TaskError(f"times: no time at sequence {int(np.argmax(np.isnat(times)))}, counted from 0")
        return times.astype("datetime64[ns]").astype(np.int64)
    require_finite("times", as_numbers("times", times), ("sequence",))
    return times


def _series(arrays: Arrays, config: ArrayFileConfig) -> SeriesSet:
    values = as_numbers("series", arrays["series"])
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or 0 in values.shape:
        raise TaskError(
            f"series: has shape {_shape(arrays['series'])}, not (steps,), (steps, features) or "
            "(series, steps, features)"
        )
    require_finite("series", values, ("series", "step", "feature"))
    num_steps, num_features = values.shape[1:]
    times = arrays.get("times")
    if times is not None:
        if times.shape != (num_steps,):
            raise TaskError(f"times: has shape {_shape(times)}, not ({num_steps},): one for each step")
        times = _clock(times)
        (back,) = np.nonzero(times[1:] <= times[:-1])
        if len(back):
            raise TaskError(f"times: step {back[0] + 1} is not after the one before it, counted from 0")
    order = list(range(num_features))
    if config.target_column is not None:
        if config.target_column not in order:
            raise TaskError(
                f"task.target_column={config.target_column}: series has the features 0 to {num_features - 1}"
            )
        order.remove(int(config.target_column))
        order.insert(0, int(config.target_column))
    series = tuple(Series(one[:, order], times) for one in values)
    return SeriesSet(series, num_features if config.target_column is None else 1, tuple(map(str, order)))


def _shape(array: Shaped[np.ndarray, "..."]) -> str:
    return _shape_text(array.shape)


def _shape_text(shape: tuple[int, ...]) -> str:
    return str(tuple(map(int, shape)))
