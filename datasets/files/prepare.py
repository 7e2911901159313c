"""From a file to three normalised sets of examples, with notes for the user."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.examples import PaddedExamples
from failmap.datasets.files.formats import read_contents
from failmap.datasets.files.held_out_files import split_with_files
from failmap.datasets.files.prepared import Prepared, constant_features, shortened
from failmap.datasets.files.preprocessing import Preprocessing
from failmap.datasets.files.scaling import Scaling
from failmap.datasets.files.shift import Shift
from failmap.datasets.files.split import Parts
from failmap.datasets.files.transforms import OneHot, code_features, cropped, differenced, trimmed
from failmap.datasets.files.window_sets import of_series
from failmap.datasets.task import Batch, num_shared


def prepare(config: ArrayFileConfig) -> Prepared:
    """Read, split, cut and normalise a file. Cached for the next trial with the same settings.

    Raises:
        TaskError: The file cannot be read, or cannot be split without leaks.
    """
    paths = dict.fromkeys((config.path, *config.held_out_paths))
    return _prepare(config, tuple(_file_stamp(config.model_copy(update={"path": path})) for path in paths))


def read_file(config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of a file. Cached for the next trial as long as the file does not change.

    Raises:
        TaskError: There is no such file, or it cannot be read.
    """
    # Settings that have no effect on reading are set to one value, for the cache.
    unread = (
        "sequence_length", "horizon", "train_size", "test_size", "normalise",
        "one_hot", "differences", "forecast", "later_inputs", "padding",
    )  # fmt: skip
    defaults = {name: ArrayFileConfig.model_fields[name].default for name in unread}
    reading = config.model_copy(update={**defaults, "sequence_length": 1})
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


@lru_cache(maxsize=3)
def _read(config: ArrayFileConfig, stamp: tuple[int, int]) -> Sequences | SeriesSet:
    return read_contents(Path(config.path), config)


@lru_cache(maxsize=2)
def _prepare(config: ArrayFileConfig, stamps: tuple[tuple[int, int], ...]) -> Prepared:
    contents = read_file(config)
    if isinstance(contents, SeriesSet):
        return of_series(contents, config, read_file)
    return _of_sequences(contents, config)


def _of_sequences(sequences: Sequences, config: ArrayFileConfig) -> Prepared:
    sequences, parts = split_with_files(sequences, config, read_file)
    if config.padding == "trim":
        sequences = trimmed(sequences)
    parts = shortened(parts, config, "sequences")
    notes = [*parts.notes, *sequences.notes]
    sequences, encoding = _transformed(sequences, parts, config)
    notes += encoding.notes(sequences.inputs[sequences.is_step]) if config.one_hot is not None else []
    sequences = cropped(replace(sequences, inputs=encoding.apply(sequences.inputs)), config.sequence_length)
    is_step = sequences.is_step
    in_training = sequences.inputs[parts.train][is_step[parts.train]]
    scaling = Scaling.of(in_training, is_on=config.normalise).leaving(encoding.is_code)
    notes += constant_features(in_training, encoding.names)
    inputs = np.where(is_step[:, :, None], scaling.apply(sequences.inputs), 0.0)
    is_label = is_step if sequences.targets.ndim == 2 else np.ones(len(sequences), dtype=np.bool_)
    if config.target == "classification":
        targets, output_size, class_notes = _classes(sequences.targets, is_label, parts)
        notes += class_notes
        classes = np.unique(sequences.targets[is_label])
        preprocessing = Preprocessing.of(config, encoding.names, scaling, classes=classes)
    else:
        output_size = 1
        target_scaling = _target_scaling(sequences.targets, is_label, parts, config)
        scaled = target_scaling.apply(sequences.targets[..., None])[..., 0]
        targets = np.where(is_label, scaled, 0.0).astype(np.float32)
        preprocessing = Preprocessing.of(config, encoding.names, scaling, targets=target_scaling)
    lengths = torch.from_numpy(sequences.lengths)

    def examples(rows: Int64[np.ndarray, "rows"]) -> PaddedExamples:
        return PaddedExamples(
            torch.from_numpy(inputs[rows].astype(np.float32)), torch.from_numpy(targets[rows]), lengths[rows]
        )

    train, validation, test = map(examples, (parts.train, parts.validation, parts.test))
    notes += _look_alikes(train.all(), validation.all())
    shift = Shift.between(
        inputs[parts.train][is_step[parts.train]],
        inputs[parts.validation][is_step[parts.validation]],
        train.labels().numpy()[:, None],
        validation.labels().numpy()[:, None],
    )
    return Prepared(
        train,
        validation,
        test,
        inputs.shape[2],
        output_size,
        inputs.shape[1],
        tuple(notes),
        preprocessing,
        shift,
    )


def _transformed(sequences: Sequences, parts: Parts, config: ArrayFileConfig) -> tuple[Sequences, OneHot]:
    """Return the sequences with their changes where these are asked for, and the encoding of their codes."""
    is_code = code_features(config.one_hot, sequences.features)
    if config.differences:
        changes = np.where(sequences.is_step[:, :, None], differenced(sequences.inputs, is_code), 0.0)
        sequences = replace(sequences, inputs=changes)
    in_training = sequences.inputs[parts.train][sequences.is_step[parts.train]]
    return sequences, OneHot.of(in_training, is_code, sequences.features)


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


def _target_scaling(
    targets: Float64[np.ndarray, "sequences *time"],
    is_label: Shaped[np.ndarray, "sequences *time"],
    parts: Parts,
    config: ArrayFileConfig,
) -> Scaling:
    """Return the scaling of numbers by training's mean and deviation."""
    known = targets[parts.train][is_label[parts.train]]
    if known.min() == known.max():
        raise TaskError(
            f"targets: all {len(known)} for training are {known[0]:g}: there is nothing to predict"
        )
    return Scaling.of(known[:, None], is_on=config.normalise)


def _look_alikes(train: Batch, validation: Batch) -> list[str]:
    """Return a note on validation inputs that are in training too, which only cutting can cause."""
    num_alike = num_shared(validation, train)
    if not num_alike:
        return []
    return [
        f"{num_alike} of {len(validation.targets)} validation inputs are in training too: cut to "
        f"{train.inputs.shape[1]} steps, different sequences are alike"
    ]
