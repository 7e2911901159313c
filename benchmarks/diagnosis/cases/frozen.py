"""A digest by which a set of cases that was chosen blind can be shown to be unchanged."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from benchmarks.diagnosis.case import Case, Half
from benchmarks.diagnosis.cases.data_files import DataFiles


def stated_digest(half: Half) -> str:
    """Return the digest of a set that was written when it was made, before any rule saw it."""
    return Path(__file__).with_name(f"{half}.sha256").read_text(encoding="utf-8").strip()


def digest_of_set(cases: Iterable[Case], files: DataFiles) -> str:
    """Return a SHA-256 over all cases, whatever their order, and over the arrays of the set's files.

    A configuration counts with the settings that the case makes. Those it leaves at their defaults do not
    count, so that a new setting of Failmap does not look like another case. The first digests, of 2026-11-29,
    were over the bytes of the files, whose headers depend on the version of Python.
    """
    digests = [_digest(case) for case in cases]
    digests += [files.digest_of(name) for name in files.makers]
    return sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _digest(case: Case) -> str:
    values = {name: value for name, value in vars(case).items() if name != "config"}
    return sha256(f"{values}{case.config.model_dump_json(exclude_unset=True)}".encode()).hexdigest()
