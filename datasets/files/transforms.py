"""Transformations of a file's features that the settings of the task ask for."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.contents import Sequences


def cropped(sequences: Sequences, sequence_length: int) -> Sequences:
    """Return the last steps of each sequence; all of them for 0.

    Raises:
        TaskError: No sequence has so many steps.
    """
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


def unpadded_lengths(sequences: Sequences) -> Int64[np.ndarray, "sequences"]:
    """Return the steps of each sequence before the unchanging rows at its end, at least 1.

    Where most of these rows are one and the same row, such as zeros, it is padding and no step.
    Elsewhere the last step is repeated, and its first row belongs to the sequence.
    """
    rows = np.arange(len(sequences))
    last = sequences.inputs[rows, sequences.lengths - 1]
    is_tail = (sequences.inputs == last[:, None]).all(axis=2) | ~sequences.is_step
    # Steps of the tail, counted from the end of the padded array.
    num_tail = np.cumprod(is_tail[:, ::-1], axis=1).sum(axis=1)
    starts: Int64[np.ndarray, "sequences"] = sequences.inputs.shape[1] - num_tail
    is_repeated = sequences.lengths - starts >= 2
    if not is_repeated.any():
        return sequences.lengths
    distinct, codes = np.unique(last, axis=0, return_inverse=True)
    counts = np.bincount(codes[is_repeated], minlength=len(distinct))
    padding = int(counts.argmax())
    if 2 * counts[padding] >= is_repeated.sum():
        is_padding = codes == padding
        return np.where(is_padding, np.maximum(starts, 1), sequences.lengths)
    return np.where(is_repeated, starts + 1, sequences.lengths)


def trimmed(sequences: Sequences) -> Sequences:
    """Return the sequences without the unchanging rows at their ends, padded with zeros."""
    shorter = replace(sequences, lengths=unpadded_lengths(sequences))
    is_step = shorter.is_step
    targets = shorter.targets
    return replace(
        shorter,
        inputs=np.where(is_step[:, :, None], shorter.inputs, 0.0),
        targets=np.where(is_step, targets, 0.0) if targets.ndim == 2 else targets,
    )


def differenced(
    values: Float64[np.ndarray, "*items time features"], is_code: Bool[np.ndarray, "features"]
) -> Float64[np.ndarray, "*items time features"]:
    """Return the change of each feature from the step before, 0 at the first step; codes stay as they are."""
    changes = np.diff(values, axis=-2, prepend=values[..., :1, :])
    kept: Float64[np.ndarray, "*items time features"] = np.where(is_code, values, changes)
    return kept


def code_features(setting: str | int | None, features: tuple[str, ...]) -> Bool[np.ndarray, "features"]:
    """Return which features `task.one_hot` names.

    Raises:
        TaskError: There is no such feature.
    """
    names = [] if setting is None else str(setting).split("+")
    for name in names:
        if name not in features:
            raise TaskError(f"task.one_hot: no feature {name}{nearest_name(name, features)}")
    return np.array([name in names for name in features], dtype=np.bool_)


@dataclass(frozen=True)
class OneHot:
    """Codes of some features, each shown as a feature of its own that is 0 or 1.

    Attributes:
        features: Names of all features of the file.
        codes: The codes of each feature in training, ascending; None for a feature that stays as it is.
    """

    features: tuple[str, ...]
    codes: tuple[Float64[np.ndarray, "codes"] | None, ...]

    @classmethod
    def of(
        cls,
        training: Float64[np.ndarray, "items features"],
        is_code: Bool[np.ndarray, "features"],
        features: tuple[str, ...],
    ) -> "OneHot":
        """Return the encoding of the codes that training has.

        Raises:
            TaskError: A feature holds numbers that are no codes.
        """
        codes = []
        for values, is_one, name in zip(training.T, is_code, features, strict=True):
            broken = values[values != np.round(values)] if is_one else values[:0]
            if len(broken):
                raise TaskError(
                    f"task.one_hot: feature {name} has {broken[0]:g}, and a code is a whole number"
                )
            codes.append(np.unique(values) if is_one else None)
        return cls(features, tuple(codes))

    @property
    def is_code(self) -> Bool[np.ndarray, "encoded"]:
        """Which of the features that `apply` returns stand for a code."""
        return np.concatenate(
            [np.full(1 if known is None else len(known), known is not None) for known in self.codes]
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features that `apply` returns, as in 'shop=3'."""
        return tuple(
            name if code is None else f"{name}={code:g}"
            for name, known in zip(self.features, self.codes, strict=True)
            for code in ([None] if known is None else known)
        )

    def apply(self, values: Float64[np.ndarray, "*items features"]) -> Float64[np.ndarray, "*items encoded"]:
        """Return the values with each code feature replaced by its codes: all 0 for an unseen one."""
        if all(known is None for known in self.codes):
            return values
        parts = [
            values[..., [index]] if known is None else (values[..., [index]] == known).astype(np.float64)
            for index, known in enumerate(self.codes)
        ]
        return np.concatenate(parts, axis=-1)

    def notes(self, values: Float64[np.ndarray, "items features"]) -> list[str]:
        """Return a note on each feature with codes that training does not have."""
        notes = []
        for column, known, name in zip(values.T, self.codes, self.features, strict=True):
            unseen = [] if known is None else np.setdiff1d(column, known).tolist()
            if unseen:
                listed = ", ".join(f"{code:g}" for code in unseen[:8]) + (", ..." if len(unseen) > 8 else "")
                notes.append(f"feature {name}: never shown in training, and so 0 throughout: code {listed}")
        return notes
