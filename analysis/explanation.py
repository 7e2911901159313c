"""Why every trial ended as it did. Verdicts need the trials' histories, and so they are kept."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict

from failmap.analysis import diagnosis
from failmap.analysis.diagnosis import Diagnosis, Evidence, Suspicion, diagnose
from failmap.analysis.diagnosis.level import reached
from failmap.run_folder.errors import UserError, run_program
from failmap.run_folder.parsing import CHECKED, Count, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, TrialRecord, read_history
from failmap.run_folder.storage import AnyPath, write_atomically
from failmap.run_folder.storage.bounded_files import read_plain

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


_EXPLAINED = ("learned", "failed")


@dataclass(frozen=True)
class _Kept:
    """What a line of the file must hold."""

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    key: str
    number: Count
    verdict: Suspicion | None
    runners_up: list[Suspicion]
    level: str | None
    level_told: str


@dataclass(frozen=True)
class Explanation:
    """What is said of one trial beside its outcome.

    Attributes:
        diagnosis: None for a trial that did not end as learned or failed.
        level: what it reached: 'at chance', 'above chance', 'memorised', 'learned'; None where unknown.
        level_told: a sentence with the numbers that the level of a failed trial rests on.
    """

    diagnosis: Diagnosis | None = None
    level: str | None = None
    level_told: str = ""


def explain(folder: RunFolder, records: Sequence[TrialRecord], kept_in: AnyPath) -> dict[int, Explanation]:
    """The explanation of every trial by number.

    Verdicts are kept in a file of their own, and made anew where the rules, the trial's record
    or the length of its history have changed. The file is disposable: what cannot be read of it is made
    anew, and where it cannot be written the next reader takes as long.

    Raises:
        UserError: a history has a corrupt line.
    """
    ended = [record for record in records if record.summary and record.summary.outcome in _EXPLAINED]
    keys = {record.number: _key(folder, record) for record in ended}
    kept = {
        number: line for number, line in _kept_lines(folder.causes).items() if line["key"] == keys.get(number)
    }
    made = make_lines(folder, [record for record in ended if record.number not in kept])
    lines = {number: {**(kept.get(number) or made[number]), "key": key} for number, key in keys.items()}
    if made:
        _keep(kept_in, lines.values())
    return {
        record.number: Explanation(*read_line(lines[record.number]) if record.number in lines else ())
        for record in records
    }


def _key(folder: RunFolder, record: TrialRecord) -> str:
    """Names what a verdict was made from: the rules, the record, the length of the history."""
    try:
        num_bytes = folder.trial(record.number).history.stat().st_size
    except FileNotFoundError:
        num_bytes = 0
    return _digest(_rules(), repr(record).encode(), str(num_bytes).encode())


@cache
def _rules() -> bytes:
    """The source of the rules, as a digest."""
    (folder,) = diagnosis.__path__
    return _digest(*(path.read_bytes() for path in sorted(Path(folder).rglob("*.py")))).encode()


def _digest(*parts: bytes) -> str:
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _kept_lines(path: AnyPath) -> dict[int, dict[str, Any]]:
    """Lines of the file by trial; those that are none are left out."""
    try:
        text = read_plain(Path(str(path))).decode("utf-8", "replace")
    except OSError:
        return {}
    lines = {}
    for written in text.splitlines():
        try:
            number = parse(_Kept, written).number
            lines[number] = json.loads(written)
        except ValueError:
            continue
    return lines


def _keep(path: AnyPath, lines: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(f"{json.dumps(line, separators=(',', ':'), allow_nan=False)}\n" for line in lines)
    try:
        write_atomically(path, text, survives_power_loss=False)
    except OSError:
        return  # Of a run that may only be read, say.


def main(words: Sequence[str]) -> int:
    """Writes the lines of the trials whose numbers stand in standard input."""
    folder = RunFolder(Path(words[0]))
    for number in map(int, sys.stdin):
        record = TrialRecord.from_json(folder.trial(number).record.read_text(encoding="utf-8"))
        print(json.dumps(_line(folder, record), separators=(",", ":"), allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
