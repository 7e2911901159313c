"""Sequences from arrays: inputs with targets, and lengths, groups and times where there are any."""

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.checks import as_numbers, require_finite
from failmap.datasets.files.contents import Sequences
from failmap.datasets.files.labels import counted, is_text, number_labels
from failmap.datasets.files.selection import select_of_sequences

Arrays = dict[str, Shaped[np.ndarray, "..."]]

#: So many sequences that end in NaN are padded rather than damaged.
MIN_PADDED = 2
#: With fewer features than this, more features than steps are no sign of exchanged axes.
MIN_FEATURES_OF_EXCHANGED = 16


def sequences_of(arrays: Arrays, config: ArrayFileConfig, read_notes: tuple[str, ...] = ()) -> Sequences:
    """Return sequences with the features that measure something.

    Args:
        arrays: inputs (sequences, steps, features) or (sequences, steps); targets, of each sequence or step;
            lengths, groups, times (sequences,) where there are any.
        config: The settings.
        read_notes: How the arrays were read.

    Raises:
        TaskError: The arrays do not fit each other or the settings.
    """
    inputs = as_numbers("inputs", arrays["inputs"])
    if inputs.ndim == 2:
        inputs = inputs[:, :, None]
    if inputs.ndim != 3 or 0 in inputs.shape:
        raise TaskError(
            f"inputs: has shape {arrays['inputs'].shape}, not (sequences, steps, features) or "
            "(sequences, steps)"
        )
    num_sequences, num_steps, num_features = inputs.shape
    notes = list(read_notes)
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
    groups = one_for_each(arrays, "groups", num_sequences, "sequence")
    times = one_for_each(arrays, "times", num_sequences, "sequence")
    targets = np.where(is_label, targets, 0.0)
    names = tuple(map(str, range(num_features)))
    codes = np.repeat(np.arange(num_sequences), lengths)
    kept, left_out = select_of_sequences(
        names, inputs[is_step], codes, targets, config, has_groups=groups is not None, what="feature"
    )
    shortest, longest = int(lengths.min()), int(lengths.max())
    steps = f"{shortest:,} to {longest:,}" if shortest < longest else f"{longest:,}"
    features = counted(num_features, "feature")
    summary = f"read {counted(num_sequences, 'sequence')} of {steps} steps with {features}"
    return Sequences(
        inputs=np.where(is_step[:, :, None], inputs, 0.0)[:, :, kept],
        targets=targets,
        lengths=lengths,
        groups=None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64),
        spans=None if times is None else np.stack([clock_of(times)] * 2, axis=1),
        features=tuple(names[position] for position in kept),
        notes=(summary, *notes, *_axes_note(inputs), *left_out),
    )


def _lengths(arrays: Arrays, num_sequences: int, num_steps: int) -> Int64[np.ndarray, "sequences"] | None:
    """Return the array of lengths, or None if the file has none."""
    lengths = one_for_each(arrays, "lengths", num_sequences, "sequence")
    if lengths is None:
        return None
    numbers = as_numbers("lengths", lengths)
    (wrong,) = np.nonzero(~((numbers >= 1) & (numbers <= num_steps) & (numbers == np.round(numbers))))
    if len(wrong):
        raise TaskError(
            f"lengths: sequence {wrong[0]} has {numbers[wrong[0]]:g}, not a whole number from 1 to "
            f"{num_steps}, the second axis of inputs (sequences, steps, features)"
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


def one_for_each(arrays: Arrays, name: str, num_items: int, item: str) -> Shaped[np.ndarray, "items"] | None:
    """Return an optional array that must have one value for each sequence or step."""
    values = arrays.get(name)
    if values is not None and values.shape != (num_items,):
        raise TaskError(f"{name}: has shape {values.shape}, not ({num_items},): one for each {item}")
    return values


def clock_of(times: Shaped[np.ndarray, "times"]) -> Shaped[np.ndarray, "times"]:
    """Return times as numbers that can be compared: dates become whole numbers."""
    if times.dtype.kind == "M":
        if np.isnat(times).any():
            raise TaskError(f"times: no time at sequence {int(np.argmax(np.isnat(times)))}, counted from 0")
        return times.astype("datetime64[ns]").astype(np.int64)
    require_finite("times", as_numbers("times", times), ("sequence",))
    return times
