"""The explanation of every trial's outcome, kept in causes.jsonl because making it reads all histories."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from failmap.analysis import diagnosis
from failmap.analysis.diagnosis import Diagnosis, Evidence, Suspicion, diagnose
from failmap.analysis.diagnosis.level import reached
from failmap.analysis.diagnosis.own import as_rules_see
from failmap.run_folder.errors import UserError, run_program
from failmap.run_folder.parsing import Checked, Count, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, TrialRecord, read_history
from failmap.run_folder.storage import AnyPath, write_atomically
from failmap.run_folder.storage.bounded_files import read_plain

#: Number of trials from which on several processes are faster than one: they take half a second to start, and
#: a history of 120 kB takes 2 ms to read.
_WORTH_PROCESSES = 1000


@dataclass(frozen=True)
class _Entry(Checked):
    """An entry of causes.jsonl; its key is a digest of what it depends on."""

    number: Count
    verdict: Suspicion | None
    runners_up: tuple[Suspicion, ...]
    level: str | None
    level_told: str
    key: str = ""


@dataclass(frozen=True)
class Explanation:
    """The explanation of one trial's outcome.

    Attributes:
        diagnosis: None for a trial that neither learned nor failed.
        level: The level that it reached: 'at chance', 'above chance', 'memorised', 'learned'; None if
            unknown.
        level_told: One sentence with the numbers behind the level of a failed trial.
    """

    diagnosis: Diagnosis | None = None
    level: str | None = None
    level_told: str = ""


def explain(folder: RunFolder, records: Sequence[TrialRecord], kept_in: AnyPath) -> dict[int, Explanation]:
    """Return the explanation of every trial by number.

    Explanations are kept in a file and made again if the rules, the record or the length of the history have
    changed. The file is disposable: unreadable entries are made again, and if it cannot be written, the next
    call takes as long as this one.

    Args:
        folder: Folder that is read.
        records: The trials.
        kept_in: File that the explanations are written to.

    Raises:
        UserError: A history has a corrupt line.
    """
    ended = [record for record in records if record.outcome in ("learned", "failed")]
    keys = {record.number: _key(folder, record) for record in ended}
    kept = {
        number: entry
        for number, entry in _kept_entries(folder.causes).items()
        if entry.key == keys.get(number)
    }
    made = _make_entries(folder, [record for record in ended if record.number not in kept])
    entries = {number: replace(kept.get(number) or made[number], key=key) for number, key in keys.items()}
    if made:
        text = "".join(f"{_to_line(entry)}\n" for entry in entries.values())
        with suppress(OSError):  # The run may be read-only.
            write_atomically(kept_in, text, survives_power_loss=False)
    explanations = dict.fromkeys((record.number for record in records), Explanation())
    for number, entry in entries.items():
        diagnosis = Diagnosis(entry.verdict, entry.runners_up) if entry.verdict else None
        explanations[number] = Explanation(diagnosis, entry.level, entry.level_told)
    return explanations


def checked_history(path: AnyPath, most: int | None = None) -> list[Evaluation]:
    """Return the evaluations in a history.jsonl, or the first `most` of them.

    Raises:
        UserError: A line is not an evaluation, or the file cannot be read.
    """
    try:
        return list(islice(read_history(path), most))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not text: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(str(error)) from None


def _make_entries(folder: RunFolder, records: Sequence[TrialRecord]) -> dict[int, _Entry]:
    """Return the entries of trials by number; many trials are shared between processes."""
    if len(records) < _WORTH_PROCESSES:
        return {record.number: _make_entry(folder, record) for record in records}
    count = os.cpu_count() or 1
    # Failed trials, whose whole histories are read, take most of the time: each process gets as many.
    by_outcome = sorted(records, key=lambda record: record.outcome or "")
    shares = [[record.number for record in by_outcome[start::count]] for start in range(count)]
    with ThreadPoolExecutor(count) as threads:
        outputs = threads.map(partial(_run_process, folder), shares)
        entries = [parse(_Entry, line) for output in outputs for line in output.splitlines()]
    return {entry.number: entry for entry in entries}


def _run_process(folder: RunFolder, numbers: Iterable[int]) -> str:
    """Run this module as a program over the numbers of trials and return its output."""
    process = subprocess.run(
        [sys.executable, "-m", __name__, str(folder.path)],
        input="".join(f"{number}\n" for number in numbers),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise UserError(process.stderr.strip().splitlines()[-1].removeprefix("error: "))
    return process.stdout


def _make_entry(folder: RunFolder, record: TrialRecord) -> _Entry:
    path = folder.trial(record.number).history
    has_learned = record.outcome == "learned"
    # A trial that learned is only checked for leaks, which the first evaluation shows; a watch shows some in
    # the last one.
    history = checked_history(path, most=1 if has_learned and not record.is_own else None)
    try:
        seen = record
        if record.is_own:
            seen, history = as_rules_see(record, history)
        diagnosis = diagnose(seen, history)
        level = None if has_learned else reached(record, history)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        # Rules rely on the types of settings and signals, which are not validated for every network and task.
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{folder.trial(record.number).record}: cannot be diagnosed: {reason}") from None
    return _Entry(
        number=record.number,
        verdict=_finite(diagnosis.verdict) if diagnosis else None,
        runners_up=tuple(map(_finite, diagnosis.runners_up)) if diagnosis else (),
        level="learned" if has_learned else level.name if level else None,
        level_told=level.told if level else "",
    )


def _finite(suspicion: Suspicion) -> Suspicion:
    """Return a suspicion without the numbers that JSON cannot represent."""

    def finite(evidence: Evidence) -> Evidence:
        numbers = evidence.values.items()
        return replace(
            evidence,
            values={name: number for name, number in numbers if math.isfinite(number)},
            limits=tuple(limit for limit in evidence.limits if math.isfinite(limit.value)),
        )

    return replace(suspicion, evidence=tuple(map(finite, suspicion.evidence)))


def _key(folder: RunFolder, record: TrialRecord) -> str:
    """Return a digest of what an explanation depends on: the rules, the record, the length of the history."""
    try:
        num_bytes = folder.trial(record.number).history.stat().st_size
    except FileNotFoundError:
        num_bytes = 0
    return _digest(_rules(), repr(record).encode(), str(num_bytes).encode())


@cache
def _rules() -> bytes:
    """Return a digest of the source of the rules."""
    (folder,) = diagnosis.__path__
    return _digest(*(path.read_bytes() for path in sorted(Path(folder).rglob("*.py")))).encode()


def _digest(*parts: bytes) -> str:
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _kept_entries(path: AnyPath) -> dict[int, _Entry]:
    """Return the valid entries of causes.jsonl by trial."""
    try:
        text = read_plain(Path(str(path))).decode("utf-8", "replace")
    except OSError:
        return {}
    entries = {}
    for line in text.splitlines():
        with suppress(ValueError):
            entry = parse(_Entry, line)
            entries[entry.number] = entry
    return entries


def _to_line(entry: _Entry) -> str:
    return json.dumps(entry, default=vars, separators=(",", ":"), allow_nan=False)


def main(arguments: Sequence[str]) -> int:
    """Print the entries of the trials whose numbers are in standard input."""
    folder = RunFolder(Path(arguments[0]))
    for number in map(int, sys.stdin):
        record = TrialRecord.from_json(folder.trial(number).record.read_text(encoding="utf-8"))
        print(_to_line(_make_entry(folder, record)))
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
