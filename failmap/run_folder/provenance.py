"""The part of provenance.json that others read: each session's command, code, files and times."""

from dataclasses import dataclass, field

from failmap.run_folder.own_copies import OwnCodeNote
from failmap.run_folder.parsing import ParseError, parse
from failmap.run_folder.storage import AnyPath, store_of


@dataclass(frozen=True)
class FileNote:
    """A file's size, and the digest of its contents."""

    bytes: int
    blake2b: str


@dataclass(frozen=True)
class CodeNote:
    """One state of the code."""

    revision: str | None = None


@dataclass(frozen=True)
class ProcessNote:
    """A process, as `search.lease_terms.Owner` identifies it: its id within one boot, and its start."""

    host: str
    place: str
    pid: int
    started: int


@dataclass(frozen=True)
class SessionNote:
    """One session of a run, as far as others read it; `search.provenance` writes more.

    Attributes:
        user: Who started it; '' for sessions of earlier versions.
        code: Digest of the code; '' if unknown.
        command: The program and its arguments.
        versions: Versions of Python and of the packages that affect results, by name.
        files: The user's files that trials read, by path.
        own_code: The user's own networks, tasks and functions, by file.
        started, ended: ISO 8601 with zone; `ended` is None for a session that was killed, or still runs.
        ended_by: 'finished', 'time', 'interrupt', 'request' or 'fault'; None where `ended` is, and for
            sessions of earlier versions.
        process: Which process it is; only of watched loops, since a driver holds a lease.
    """

    user: str = ""
    code: str = ""
    command: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, FileNote] = field(default_factory=dict)
    own_code: list[OwnCodeNote] = field(default_factory=list)
    started: str | None = None
    ended: str | None = None
    ended_by: str | None = None
    process: ProcessNote | None = None


@dataclass(frozen=True)
class Provenance:
    """The whole file: every session, and every state of the code that ran, by its digest."""

    sessions: list[SessionNote]
    codes: dict[str, CodeNote] = field(default_factory=dict)


def own_code_of(path: AnyPath) -> dict[str, OwnCodeNote]:
    """Return the own code that a provenance.json names, by file, of the last session that had it.

    Nothing if it is missing or invalid.
    """
    try:
        sessions = parse_provenance(store_of(path).read(path)).sessions
    except (FileNotFoundError, ParseError):
        return {}
    return {note.file: note for session in sessions for note in session.own_code}


def parse_provenance(content: bytes) -> Provenance:
    """Parse provenance.json. Raises ParseError if it is invalid."""
    return parse(Provenance, content, "a run's provenance")
