"""Reading of .npz files."""

import math
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.checks import as_numbers, require_finite, require_room
from failmap.datasets.files.contents import Sequences, Series, SeriesSet
from failmap.datasets.files.labels import is_text, number_labels
from failmap.datasets.files.selection import select_of_sequences, select_of_series

#: So many sequences that end in NaN are padded rather than damaged.
MIN_PADDED = 2
#: With fewer features than this, more features than steps are no sign of exchanged axes.
MIN_FEATURES_OF_EXCHANGED = 16

Arrays = dict[str, Shaped[np.ndarray, "..."]]


def read_npz(path: Path, config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of an .npz file.

    Raises:
        TaskError: The file is damaged, or its arrays do not fit. Nothing in it is unpickled.
    """
    if config.target == "forecasting":
        return _series(_load(path, ("series",), ("times",)), config)
    return _sequences(_load(path, ("inputs", "targets"), ("lengths", "groups", "times")), config)


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


def _sequences(arrays: Arrays, config: ArrayFileConfig) -> Sequences:
    inputs = as_numbers("inputs", arrays["inputs"])
    if inputs.ndim == 2:
        inputs = inputs[:, :, None]
    if inputs.ndim != 3 or 0 in inputs.shape:
        raise TaskError(
            f"inputs: has shape {arrays['inputs'].shape}, not (sequences, steps, features) or "
            "(sequences, steps)"
        )
    num_sequences, num_steps, num_features = inputs.shape
    notes = []
    lengths = _lengths(arrays, num_sequences, num_steps)
    if lengths is None:
        lengths, padding_note = _lengths_by_padding(inputs)
        notes += padding_note
    is_step = np.arange(num_steps) < lengths[:, None]
    require_finite("inputs", inputs, ("sequence", "step", "feature"), is_step[:, :, None])

    targets = arrays["targets"]
    if is_text(targets) and config.target == "classification":
        targets, label_note = number_labels(targets)
        notes.append(label_note)
    targets = as_numbers("targets", targets)
    shapes = {"last": (num_sequences,), "every_step": (num_sequences, num_steps)}
    if targets.shape != shapes[config.supervision]:
        hints = [f": set task.supervision={key}" for key, shape in shapes.items() if shape == targets.shape]
        raise TaskError(
            f"targets: has shape {targets.shape}, and task.supervision={config.supervision} needs "
            f"{shapes[config.supervision]}{''.join(hints)}"
        )
    is_label = is_step if targets.ndim == 2 else np.ones(num_sequences, dtype=np.bool_)
    require_finite("targets", targets, ("sequence", "step")[: targets.ndim], is_label)
    groups = _one_for_each(arrays, "groups", num_sequences, "sequence")
    times = _one_for_each(arrays, "times", num_sequences, "sequence")
    targets = np.where(is_label, targets, 0.0)
    names = tuple(map(str, range(num_features)))
    codes = np.repeat(np.arange(num_sequences), lengths)
    kept, left_out = select_of_sequences(
        names, inputs[is_step], codes, targets, config, has_groups=groups is not None, what="feature"
    )
    shortest, longest = int(lengths.min()), int(lengths.max())
    steps = f"{shortest:,} to {longest:,}" if shortest < longest else f"{longest:,}"
    summary = f"read {num_sequences:,} sequences of {steps} steps with {num_features:,} features"
    return Sequences(
        inputs=np.where(is_step[:, :, None], inputs, 0.0)[:, :, kept],
        targets=targets,
        lengths=lengths,
        groups=None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64),
        spans=None if times is None else np.stack([_clock(times)] * 2, axis=1),
        features=tuple(names[position] for position in kept),
        notes=(summary, *notes, *_axes_note(inputs), *left_out),
    )


def _lengths(arrays: Arrays, num_sequences: int, num_steps: int) -> Int64[np.ndarray, "sequences"] | None:
    """Return the array of lengths, or None if the file has none."""
    lengths = _one_for_each(arrays, "lengths", num_sequences, "sequence")
    if lengths is None:
        return None
    numbers = as_numbers("lengths", lengths)
    (wrong,) = np.nonzero(~((numbers >= 1) & (numbers <= num_steps) & (numbers == np.round(numbers))))
    if len(wrong):
        raise TaskError(
            f"lengths: sequence {wrong[0]} has {numbers[wrong[0]]:g}, not a whole number from 1 to "
            f"{num_steps}"
        )
    return numbers.astype(np.int64)


def _lengths_by_padding(
    inputs: Float64[np.ndarray, "sequences time features"],
) -> tuple[Int64[np.ndarray, "sequences"], list[str]]:
    """Return the lengths of sequences that end in steps where all features are missing, and a note on them.

    One such sequence may have lost its last measurements: then all keep their steps, and NaN is refused.
    """
    num_sequences, num_steps, _ = inputs.shape
    is_missing = np.isnan(inputs).all(axis=2)
    padding = np.cumprod(is_missing[:, ::-1], axis=1).sum(axis=1)
    num_padded = int((padding > 0).sum())
    if num_padded < MIN_PADDED or (padding == num_steps).any():
        return np.full(num_sequences, num_steps, dtype=np.int64), []
    note = f"{num_padded:,} sequences end in steps without a value (NaN): taken as padding, for lengths"
    return (num_steps - padding).astype(np.int64), [note]


def _axes_note(inputs: Float64[np.ndarray, "sequences time features"]) -> list[str]:
    """Return a note if steps and features seem to be exchanged."""
    _, num_steps, num_features = inputs.shape
    if num_features < 2 * num_steps or num_features < MIN_FEATURES_OF_EXCHANGED:
        return []
    return [
        f"inputs are read as {num_steps:,} steps of {num_features:,} features: if these are {num_features:,} "
        f"steps of {num_steps:,} features, exchange the last two axes (numpy.swapaxes(inputs, 1, 2))"
    ]


def _one_for_each(arrays: Arrays, name: str, num_items: int, item: str) -> Shaped[np.ndarray, "items"] | None:
    """Return an optional array that must have one value for each sequence or step."""
    values = arrays.get(name)
    if values is not None and values.shape != (num_items,):
        raise TaskError(f"{name}: has shape {values.shape}, not ({num_items},): one for each {item}")
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
            f"series: has shape {arrays['series'].shape}, not (steps,), (steps, features) or "
            "(series, steps, features)"
        )
    require_finite("series", values, ("series", "step", "feature"))
    num_steps, num_features = values.shape[1:]
    times = _one_for_each(arrays, "times", num_steps, "step")
    if times is not None:
        times = _clock(times)
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
    summary = f"read {len(values):,} series of {num_steps:,} steps with {num_features:,} features"
    num_targets = len(order) if target is None else 1
    return SeriesSet(series, num_targets, tuple(names[feature] for feature in order), (summary, *notes))
