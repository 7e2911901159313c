"""Verdicts on trials as lines of JSON, made on all cores where they are many.

As a program (python -m analysis.verdict_lines FOLDER) it reads trials' numbers from standard input and
writes a line for each. These are processes of our own: those of multiprocessing would run a user's script
once more where nothing guards its main part, and forks would copy the threads of Ray.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from failmap.analysis.diagnosis import Diagnosis, Evidence, Suspicion, diagnose
from failmap.analysis.diagnosis.level import reached
from failmap.analysis.errors import UserError, command
from failmap.analysis.records import Evaluation, TrialRecord, read_history
from failmap.analysis.run_folder import RunFolder
from failmap.analysis.storage import AnyPath

#: A verdict as JSON holds it.
Line = dict[str, Any]

#: From so many trials on several processes are sooner done than one: starting them takes half a second, and
#: reading a history of 120 kB 2 ms.
_WORTH_PROCESSES = 1000


def make_lines(folder: RunFolder, records: Sequence[TrialRecord]) -> dict[int, Line]:
    """The verdicts on trials that learned or failed, from their records and histories, by number.

    Raises:
        UserError: a history has a corrupt line.
    """
    if len(records) < _WORTH_PROCESSES:
        return {record.number: _line(folder, record) for record in records}
    count = os.cpu_count() or 1
    shares = [[record.number for record in records[start::count]] for start in range(count)]
    with ThreadPoolExecutor(count) as threads:
        answers = threads.map(partial(_lines_of_process, folder), shares)
        lines = [json.loads(line) for answer in answers for line in answer.splitlines()]
    return {line["number"]: line for line in lines}


def read_line(line: Mapping[str, Any]) -> tuple[Diagnosis | None, str | None, str]:
    """Verdict, level, and what the level rests on. Raises KeyError or TypeError where the line has none."""
    verdict, level = line["verdict"], line["level"]
    diagnosis = verdict and Diagnosis(_suspicion(verdict), tuple(map(_suspicion, line["runners_up"])))
    return diagnosis, level and str(level), str(line["level_told"])


def checked_history(path: AnyPath, most: int | None = None) -> list[Evaluation]:
    """The evaluations in a history.jsonl, or at most the first so many.

    Raises:
        UserError: a line is no evaluation, or the file cannot be read.
    """
    try:
        return list(islice(read_history(path), most))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not text: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(str(error)) from None


def _line(folder: RunFolder, record: TrialRecord) -> Line:
    path = folder.trial(record.number).history
    has_learned = record.summary is not None and record.summary.outcome == "learned"
    # What learned is asked only whether something leaks, which the first evaluation tells.
    history = checked_history(path, most=1 if has_learned else None)
    try:
        diagnosis, level = diagnose(record, history), None if has_learned else reached(record, history)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        # Rules trust the types of settings and signals: those of every network and task are not told here.
        told = f"{type(error).__name__}: {error}"
        raise UserError(f"{folder.trial(record.number).record}: cannot be judged: {told}") from None
    return {
        "number": record.number,
        "verdict": diagnosis and _written(diagnosis.verdict),
        "runners_up": [_written(suspicion) for suspicion in diagnosis.runners_up] if diagnosis else [],
        "level": "learned" if has_learned else level and level.name,
        "level_told": level.told if level else "",
    }


def _written(suspicion: Suspicion) -> Line:
    """A suspicion less the numbers that JSON has no word for."""
    values = asdict(suspicion)
    for evidence in values["evidence"]:
        numbers = evidence["values"].items()
        evidence["values"] = {name: value for name, value in numbers if math.isfinite(value)}
    return values


def _suspicion(values: Mapping[str, Any]) -> Suspicion:
    return Suspicion(**{**values, "evidence": tuple(Evidence(**one) for one in values["evidence"])})


def _lines_of_process(folder: RunFolder, numbers: Iterable[int]) -> str:
    process = subprocess.run(
        [sys.executable, "-m", __name__, str(folder.path)],
        input="".join(f"{number}\n" for number in numbers),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        problem = process.stderr.strip().splitlines()[-1].removeprefix("error: ")
        raise UserError(problem)
    return process.stdout


def main(words: Sequence[str]) -> int:
    """Writes the lines of the trials whose numbers stand in standard input."""
    folder = RunFolder(Path(words[0]))
    for number in map(int, sys.stdin):
        record = TrialRecord.from_json(folder.trial(number).record.read_text(encoding="utf-8"))
        print(json.dumps(_line(folder, record), separators=(",", ":"), allow_nan=False))
    return 0


if __name__ == "__main__":
    command(main)
