"""Reading of .ts and .arff files, in which the archives of time series classification are published.

Of the libraries that read them, aeon and sktime bring scikit-learn and numba or hold pandas back, and scipy's
reader of .arff knows no relational attributes, by which several features are written.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.arrays import Arrays, sequences_of
from failmap.datasets.files.contents import Sequences

#: One stamped value of a .ts file: (2007-01-01 00:00:00,241.97).
_STAMPED = re.compile(r"\([^()]*,\s*([^(),]+)\)")
_MISSING = {"?", "nan", "NaN", "NA"}

#: Features of one sequence, each with its values, and the label as it is written.
Record = tuple[list[Float64[np.ndarray, "_"]], str]


def read_ts(path: Path, config: ArrayFileConfig) -> Sequences:
    """Read a .ts file: `@` lines, then a line for each sequence, its features and its label between colons.

    Raises:
        TaskError: The file has no labels, or a line that cannot be read; names it.
    """
    header: dict[str, str] = {}
    records: list[Record] = []
    has_data = False
    for number, line in _lines(path, comments="#%"):
        if has_data:
            *features, label = _STAMPED.sub(r"\1", line).split(":")
            records.append(([_values(text.split(","), number) for text in features], label.strip()))
        else:
            key, _, value = line.removeprefix("@").partition(" ")
            header[key.lower()] = value.strip()
            has_data = key.lower() == "data"
    is_regression = header.get("targetlabel", "false").lower().startswith("true")
    if not is_regression and not header.get("classlabel", "false").lower().startswith("true"):
        raise TaskError("the file has no labels: neither @classLabel true nor @targetlabel true")
    notes = []
    if header.get("timestamps", "false").lower() == "true":
        notes.append("time stamps of the values are left out: steps count as evenly spaced")
    return _sequences(records, config, is_regression=is_regression, notes=tuple(notes))


def read_arff(path: Path, config: ArrayFileConfig) -> Sequences:
    r"""Read an .arff file: an attribute for each step, or a relational one whose lines are features.

    The last attribute is the label.

    Raises:
        TaskError: The file has no label, or a line that cannot be read; names it.
    """
    attributes: list[str] = []
    records: list[Record] = []
    has_data = is_relational = False
    for number, line in _lines(path, comments="%"):
        keyword = line.split(maxsplit=1)[0].lower()
        if has_data:
            if line.startswith("{"):
                raise TaskError(f"line {number}: sparse data are not read: write all values of a line")
            body, _, label = line.rpartition(",")
            # The features of a relational attribute are quoted as a whole, with \n in between.
            rows = body.strip("'\"").split("\\n") if is_relational else [body]
            records.append(([_values(row.split(","), number) for row in rows], label.strip(" '\"")))
        elif keyword == "@attribute":
            is_relational |= line.lower().split()[-1] == "relational"
            attributes.append(line)
        has_data |= keyword == "@data"
    if not attributes:
        raise TaskError("no .arff file that can be read: no line begins with @attribute")
    is_regression = re.search(r"\b(numeric|real|integer)$", attributes[-1].strip(), re.IGNORECASE) is not None
    return _sequences(records, config, is_regression=is_regression)


def _lines(path: Path, comments: str) -> Iterable[tuple[int, str]]:
    """Yield the lines that are no comments, with their numbers from 1."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                text = line.strip()
                if text and text[0] not in comments:
                    yield number, text
    except UnicodeDecodeError:
        raise TaskError("no text that can be read: save the file as UTF-8") from None


def _values(texts: Sequence[str], line: int) -> Float64[np.ndarray, "steps"]:
    try:
        return np.array([np.nan if text.strip() in _MISSING else float(text) for text in texts])
    except ValueError as error:
        raise TaskError(f"line {line}: {str(error).partition(': ')[2]} is no number") from None


def _sequences(
    records: list[Record], config: ArrayFileConfig, *, is_regression: bool, notes: tuple[str, ...] = ()
) -> Sequences:
    """Return the records as sequences, padded with zeros."""
    if not records:
        raise TaskError("the file has no sequences")
    if config.target == "forecasting":
        raise TaskError("task.target=forecasting: the file has labels, and no series to continue")
    if is_regression and config.target == "classification":
        raise TaskError("the targets are numbers: set task.target=regression")
    num_features = len(records[0][0])
    lengths = np.array([max(map(len, features)) for features, _ in records])
    inputs = np.zeros((len(records), lengths.max(), num_features))
    for number, (features, _) in enumerate(records):
        if len(features) != num_features or len({len(one) for one in features}) > 1:
            steps = "/".join(str(num_steps) for num_steps in sorted({len(one) for one in features}))
            raise TaskError(
                f"sequence {number} (counted from 0) has {len(features)} features of {steps} steps, and the "
                f"first has {num_features} features; all features of a sequence must have as many steps"
            )
        inputs[number, : lengths[number]] = np.stack(features, axis=1)
    labels = [label for _, label in records]
    targets = np.array(labels)
    try:
        targets = targets.astype(np.float64)
    except ValueError:
        if config.target != "classification":
            raise TaskError("targets: some are no numbers") from None
    arrays: Arrays = {"inputs": inputs, "targets": targets}
    if len(set(lengths.tolist())) > 1:
        arrays["lengths"] = lengths
    return sequences_of(arrays, config, notes)
