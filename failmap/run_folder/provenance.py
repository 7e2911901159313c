"""What is read of provenance.json: how a run was begun, and when its sessions began and ended."""

from dataclasses import dataclass, field

from failmap.run_folder.parsing import parse


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
class SessionNote:
    """One session of a run, as far as others read it; `search.provenance` writes more.

    Attributes:
        code: digest of the code that ran; '' where nobody wrote it down.
        command: the command line's words.
        versions: of Python and the packages that decide results, by name.
        files: of the user's, which trials read, by path.
        started, ended: ISO 8601 with zone; None for a session that was killed, or goes on.
    """

    code: str = ""
    command: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, FileNote] = field(default_factory=dict)
    started: str | None = None
    ended: str | None = None


@dataclass(frozen=True)
class Provenance:
    """The whole file: every session, and every state of the code that ran, by its digest."""

    sessions: list[SessionNote]
    codes: dict[str, CodeNote] = field(default_factory=dict)


def parse_provenance(content: bytes) -> Provenance:
    """Raises ParseError where it is none."""
    return parse(Provenance, content, "a run's provenance")
