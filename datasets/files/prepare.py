"""From a file to three normalised sets of examples, with notes for the user."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.criterion import few_test_sequences
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.examples import Examples, PaddedExamples, WindowedExamples
from failmap.datasets.files.formats import read_contents
from failmap.datasets.files.split import Parts, split_sequences
from failmap.datasets.files.windows import cut_windows
from failmap.datasets.task import Batch, num_shared


class Scaling(NamedTuple):
    """A shift and a scale for each feature.

    Attributes:
        mean: The shift.
        deviation: The scale, 1 for a feature that never changes.
    """

    mean: Float64[np.ndarray, "features"]
    deviation: Float64[np.ndarray, "features"]

    @classmethod
    def of(cls, values: Float64[np.ndarray, "items features"], *, is_on: bool) -> "Scaling":
        """Return the scaling by mean and deviation of training values, or the identity if it is off."""
        if not is_on:
            return cls(np.zeros(values.shape[1]), np.ones(values.shape[1]))
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        # By rounding a constant has a deviation of about 1e-16 of its size.
        is_constant = deviation <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(is_constant, 1.0, deviation))

    def apply(self, values: Float64[np.ndarray, "*items features"]) -> Float64[np.ndarray, "*items features"]:
        """Return the values shifted and scaled."""
        scaled: Float64[np.ndarray, "*items features"] = (values - self.mean) / self.deviation
        return scaled


@dataclass(frozen=True)
class Prepared:
    """A file as sets of examples.

    Attributes:
        train: Training examples.
        validation: Validation examples.
        test: Test examples.
        input_size: Features of a step.
        output_size: Classes, or target features.
        num_steps: Steps of the longest input.
        notes: What a user should know.
    """

    train: Examples
    validation: Examples
    test: Examples
    input_size: int
    output_size: int
    num_steps: int
    notes: tuple[str, ...]


def prepare(config: ArrayFileConfig) -> Prepared:
    """Read, split, cut and normalise a file. Cached for the next trial with the same settings.

    Raises:
        TaskError: The file cannot be read, or cannot be split without leaks.
    """
    return _prepare(config, _file_stamp(config))


def read_file(config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of a file. Cached for the next trial as long as the file does not change.

    Raises:
        TaskError: There is no such file, or it cannot be read.
    """
    # Settings that have no effect on reading are set to one value, for the cache.
    reading = config.model_copy(
        update={"sequence_length": 1, "horizon": 1, "train_size": None, "test_size": 0, "normalise": True}
    )
    return _read(reading, _file_stamp(config))


def _file_stamp(config: ArrayFileConfig) -> tuple[int, int]:
    """Return modification time and size, which identify the state of a file."""
    if not config.path:
        raise TaskError("task.path is missing: name a .npz, .csv or .parquet file")
    path = Path(config.path)
    if not path.is_file():
        beside = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        close = nearest_name(path.name, beside)
        hint = close if close.startswith("; did") else f" in {path.parent.resolve()}"
        raise TaskError(f"{path.name}: no such file{hint}")
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _read(config: ArrayFileConfig, stamp: tuple[int, int]) -> Sequences | SeriesSet:
    return read_contents(Path(config.path), config)


@lru_cache(maxsize=2)
def _prepare(config: ArrayFileConfig, stamp: tuple[int, int]) -> Prepared:
    contents = read_file(config)
    if isinstance(contents, SeriesSet):
        return _of_series(contents, config)
    return _of_sequences(contents, config)


def _of_sequences(sequences: Sequences, config: ArrayFileConfig) -> Prepared:
    parts = _shortened(split_sequences(sequences, config), config, "sequences")
    notes = [*parts.notes, *sequences.notes]
    sequences = _cropped(sequences, config.sequence_length)
    is_step = sequences.is_step
    in_training = sequences.inputs[parts.train][is_step[parts.train]]
    scaling = Scaling.of(in_training, is_on=config.normalise)
    notes += _constant_features(in_training, sequences.features)
    inputs = np.where(is_step[:, :, None], scaling.apply(sequences.inputs), 0.0)
    is_label = is_step if sequences.targets.ndim == 2 else np.ones(len(sequences), dtype=np.bool_)
    if config.target == "classification":
        targets, output_size, class_notes = _classes(sequences.targets, is_label, parts)
        notes += class_notes
    else:
        output_size = 1
        targets = _scaled_targets(sequences.targets, is_label, parts, config)
    lengths = torch.from_numpy(sequences.lengths)

    def examples(rows: Int64[np.ndarray, "rows"]) -> PaddedExamples:
        return PaddedExamples(
            torch.from_numpy(inputs[rows].astype(np.float32)), torch.from_numpy(targets[rows]), lengths[rows]
        )

    train, validation, test = map(examples, (parts.train, parts.validation, parts.test))
    notes += _look_alikes(train.all(), validation.all())
    return Prepared(train, validation, test, inputs.shape[2], output_size, inputs.shape[1], tuple(notes))


def _of_series(series_set: SeriesSet, config: ArrayFileConfig) -> Prepared:
    windows = cut_windows(series_set, config)
    parts = _shortened(windows.parts, config, "windows")
    in_training = windows.values[np.unique(parts.train[:, None] + np.arange(windows.span))]
    scaling = Scaling.of(in_training, is_on=config.normalise)
    notes = (*parts.notes, *series_set.notes, *_constant_features(in_training, series_set.features))
    values = torch.from_numpy(scaling.apply(windows.values).astype(np.float32))

    def examples(starts: Int64[np.ndarray, "windows"]) -> WindowedExamples:
        return WindowedExamples(
            values, torch.from_numpy(starts), config.sequence_length, config.horizon, series_set.num_targets
        )

    train, validation, test = map(examples, (parts.train, parts.validation, parts.test))
    num_features = windows.values.shape[1]
    return Prepared(
        train, validation, test, num_features, series_set.num_targets, config.sequence_length, notes
    )


def _shortened(parts: Parts, config: ArrayFileConfig, what: str) -> Parts:
    """Return the parts with as many training rows as the user wants, and notes on the sizes."""
    num_left = len(parts.train)
    if config.train_size is not None and config.train_size > num_left:
        raise TaskError(f"task.train_size={config.train_size}: {num_left} are left for training")
    train = parts.train[: config.train_size]
    num_validation, num_test = len(parts.validation), len(parts.test)
    sizes = f"{len(train):,} {what} to train, {num_validation:,} to validate, {num_test:,} to test"
    notes = (sizes, *parts.notes, *few_test_sequences(config, num_test))
    return replace(parts, train=train, notes=notes)


def _cropped(sequences: Sequences, sequence_length: int) -> Sequences:
    """Return the last steps of each sequence; all of them for 0."""
    longest = int(sequences.lengths.max())
    if sequence_length > longest:
        raise TaskError(f"task.sequence_length={sequence_length}: the longest sequence has {longest} steps")
    kept = sequence_length or longest
    lengths = np.minimum(sequences.lengths, kept)
    steps = (sequences.lengths - lengths)[:, None] + np.arange(kept)
    steps = np.minimum(steps, sequences.inputs.shape[1] - 1)
    rows = np.arange(len(sequences))[:, None]
    targets = sequences.targets[rows, steps] if sequences.targets.ndim == 2 else sequences.targets
    return replace(sequences, inputs=sequences.inputs[rows, steps], targets=targets, lengths=lengths)


def _classes(
    targets: Float64[np.ndarray, "sequences *time"],
    is_label: Shaped[np.ndarray, "sequences *time"],
    parts: Parts,
) -> tuple[Int64[np.ndarray, "sequences *time"], int, list[str]]:
    """Return labels as classes from 0, with 0 for padding, the number of classes, and notes."""
    used = targets[is_label]
    broken = used[used != np.round(used)]
    if len(broken):
        raise TaskError(
            f"targets: {broken[0]:g} is no whole number, so no class: set task.target=regression, or number "
            "the classes"
        )
    distinct, classes = np.unique(used, return_inverse=True)
    if len(distinct) < 2:
        raise TaskError(
            f"targets: all {len(used)} labels are {distinct[0]:g}: there is nothing to tell apart"
        )
    labels = [int(label) for label in distinct]
    numbered = np.zeros(targets.shape, dtype=np.int64)
    numbered[is_label] = classes
    seen = np.unique(numbered[parts.train][is_label[parts.train]])
    if len(seen) < 2:
        raise TaskError(
            f"all labels left for training are {labels[int(seen[0])]}: there is nothing to tell apart; "
            "choose another task.split, or a lower task.test_share"
        )
    notes = []
    if len(seen) < len(labels):
        unseen = ", ".join(str(label) for index, label in enumerate(labels) if index not in seen)
        notes.append(f"never shown in training: class {unseen}")
    if labels != list(range(len(labels))):
        listed = ", ".join(map(str, labels[:8])) + (", ..." if len(labels) > 8 else "")
        notes.append(f"classes are numbered from 0 in the order of the labels {listed}")
    return numbered, len(labels), notes


def _scaled_targets(
    targets: Float64[np.ndarray, "sequences *time"],
    is_label: Shaped[np.ndarray, "sequences *time"],
    parts: Parts,
    config: ArrayFileConfig,
) -> Shaped[np.ndarray, "sequences *time"]:
    """Return numbers scaled by training's mean and deviation, with 0 for padding."""
    known = targets[parts.train][is_label[parts.train]]
    if known.min() == known.max():
        raise TaskError(
            f"targets: all {len(known)} for training are {known[0]:g}: there is nothing to predict"
        )
    scaled = Scaling.of(known[:, None], is_on=config.normalise).apply(targets[..., None])[..., 0]
    numbers: Shaped[np.ndarray, "sequences *time"] = np.where(is_label, scaled, 0.0).astype(np.float32)
    return numbers


def _constant_features(values: Float64[np.ndarray, "steps features"], features: tuple[str, ...]) -> list[str]:
    constant = np.flatnonzero(values.min(axis=0) == values.max(axis=0))
    return [f"feature {features[index]} is always {values[0, index]:g} in training" for index in constant]


def _look_alikes(train: Batch, validation: Batch) -> list[str]:
    """Return a note on validation inputs that are in training too, which only cutting can cause."""
    num_alike = num_shared(validation, train)
    if not num_alike:
        return []
    return [
        f"{num_alike} of {len(validation.targets)} validation inputs are in training too: cut to "
        f"{train.inputs.shape[1]} steps, different sequences are alike"
    ]
