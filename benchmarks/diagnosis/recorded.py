"""Trainings in a compact file of the repository, so that nobody has to train them again to score a rule."""

import json
import lzma
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.diagnosis.case import Case, Half
from benchmarks.diagnosis.labelled import Labelled, took
from failmap.run_folder.records import Evaluation, TrialRecord
from failmap.search.trial.config import TrialConfig

#: Folder of the files, one for each half.
RECORDED = Path(__file__).parent / "recorded"
#: Significant digits of a recorded number.
_DIGITS = 5
#: Separates the keys of nested signals.
_SEPARATOR = "/"

#: A value of a signal: a number, a text, null, or a list of them.
_Leaf = Any


def recorded_file(half: Half) -> Path:
    """Return the file of a half."""
    return RECORDED / f"{half}.jsonl.xz"


def write_recorded(trainings: Iterable[Labelled], path: Path) -> None:
    """Write trainings with their labels, numbers rounded to five digits.

    A line has the case, the record, and the history as columns by the path of each value, which compresses
    to a fifteenth of the original files. The name of the machine is left out.
    """
    path.parent.mkdir(exist_ok=True)
    with lzma.open(path, "wt", preset=9 | lzma.PRESET_EXTREME, encoding="utf-8") as file:
        for training in trainings:
            file.write(_to_line(training) + "\n")


def read_recorded(half: Half, path: Path | None = None) -> list[Labelled]:
    """Return the trainings of a half, as `read_labelled` returns them from their folders."""
    with lzma.open(path or recorded_file(half), "rt", encoding="utf-8") as file:
        read = [_from_line(line) for line in file]
    records = {case.name: record for case, record, _ in read}
    return [Labelled(case, record, history, took(case, records, history)) for case, record, history in read]


def _to_line(training: Labelled) -> str:
    summary = training.record.summary
    assert summary is not None, f"{training.case.name} has ended"
    record = replace(training.record, summary=replace(summary, host=""))
    case = {name: value for name, value in vars(training.case).items() if name != "config"}
    rows = [dict(_leaves("", asdict(evaluation))) for evaluation in training.history]
    paths = dict.fromkeys(path for row in rows for path in row)
    columns = {path: [row.get(path) for row in rows] for path in paths}
    parts = {"case": case, "record": json.loads(record.to_json()), "history": _rounded(columns)}
    return json.dumps(parts, separators=(",", ":"), allow_nan=False)


def _from_line(line: str) -> tuple[Case, TrialRecord, tuple[Evaluation, ...]]:
    parts = json.loads(line)
    record = TrialRecord.from_json(json.dumps(parts["record"]))
    case = Case(**parts["case"], config=TrialConfig.model_validate(record.config))
    columns: dict[str, list[_Leaf]] = parts["history"]
    num_evaluations = len(next(iter(columns.values()), ()))
    history = [
        _nested({path: values[index] for path, values in columns.items()}) for index in range(num_evaluations)
    ]
    return case, record, tuple(Evaluation(**{"signals": {}, **values}) for values in history)


def _leaves(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, _Leaf]]:
    """Yield the path and the value of every entry that is no mapping."""
    for name, value in values.items():
        path = f"{prefix}{_SEPARATOR}{name}" if prefix else name
        if isinstance(value, Mapping):
            yield from _leaves(path, value)
        else:
            yield path, value


def _nested(leaves: Mapping[str, _Leaf]) -> dict[str, Any]:
    """Invert `_leaves`; a signal that is null everywhere below a key is missing."""
    nested: dict[str, Any] = {}
    for path, value in leaves.items():
        *parents, name = path.split(_SEPARATOR)
        if value is None and parents:
            continue
        inner = nested
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = value
    return nested


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
