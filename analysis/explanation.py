"""Why every trial ended as it did. Verdicts need the trials' histories, and so they are kept."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict

from failmap.analysis import diagnosis
from failmap.analysis.diagnosis import Diagnosis, Suspicion
from failmap.analysis.parsing import CHECKED, Count, parse
from failmap.analysis.records import TrialRecord
from failmap.analysis.run_folder import RunFolder
from failmap.analysis.storage import AnyPath, write_atomically
from failmap.analysis.storage.plain_files import read_plain
from failmap.analysis.verdict_lines import make_lines, read_line

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
