"""Logs in an object store, whose objects cannot be appended to."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import Checked, Count, ParseError, parse
from failmap.run_folder.storage.contract import Files
from failmap.run_folder.storage.location import AnyPath

#: Size from which on the next segment is begun. Each `sync` writes a whole segment, which at 128 KiB takes no
#: longer than the request itself. 10,000 trials make some hundred segments, which a resumed run reads.
SEGMENT_BYTES = 128 * 1024


@dataclass(frozen=True)
class _Head(Checked):
    """The first line of a segment: its number, the length of the segment before it, and its writer."""

    segment: Count
    after_bytes: Count
    writer: str


class ObjectLog:
    """One object, which each `sync` rewrites; `Log` defines the methods."""

    torn_bytes = 0

    def __init__(self, files: Files, path: AnyPath) -> None:
        self.files = files
        self.path = path
        try:
            self._content = files.read(path)
        except FileNotFoundError:
            self._content = b""
        self._pending: list[bytes] = []

    def lines(self) -> Iterator[bytes]:
        """Yield lines from memory: the object was read when the log was opened."""
        yield from self._content.splitlines(keepends=True)

    def append(self, lines: Sequence[bytes]) -> None:
        """Keep lines for `sync`."""
        self._pending.extend(lines)

    def sync(self) -> None:
        """Send one request, or none if nothing was appended."""
        if self._pending:
            content = b"".join((self._content, *self._pending))
            self.files.write(self.path, content)
            self._content = content
            self._pending.clear()


class SegmentLog:
    """A folder of numbered segments; `Log` defines the methods.

    The first line of each segment contains the length of the segment before it. A new writer begins a new
    segment, which only one of several writers can create, and never changes earlier ones. Lines that a
    superseded writer still adds to its last segment are beyond that length, and are not read.
    """

    torn_bytes = 0

    def __init__(self, files: Files, path: AnyPath) -> None:
        self.files = files
        self.path = path
        self._pending: list[bytes] = []
        self._writer = secrets.token_hex(8)
        self._before = read_segments(files, path)
        self._number = len(self._before) + 1
        self._content = self._begun(self._number, len(self._before[-1]) if self._before else 0)

    def lines(self) -> Iterator[bytes]:
        """Yield lines from memory, which is then freed."""
        segments, self._before = self._before, []
        return lines_of(segments)

    def append(self, lines: Sequence[bytes]) -> None:
        """Keep lines for `sync`."""
        self._pending.extend(lines)

    def sync(self) -> None:
        """Send one request, or none if nothing was appended.

        Raises:
            UserError: Another writer has begun the next segment.
        """
        if not self._pending:
            return
        if len(self._content) >= SEGMENT_BYTES:
            self._content = self._begun(self._number + 1, len(self._content))
            self._number += 1
        else:
            content = b"".join((self._content, *self._pending))
            self.files.write(segment_path(self.path, self._number), content)
            self._content = content
        self._pending.clear()

    def _begun(self, number: int, after_bytes: int) -> bytes:
        """Write a new segment with the pending lines, and return its content."""
        head = _Head(number, after_bytes, self._writer)
        head_line = f"{json.dumps(asdict(head))}\n".encode()
        content = b"".join((head_line, *self._pending))
        path = segment_path(self.path, number)
        if not self.files.create(path, content):
            # It may be ours, from a `sync` whose answer was lost.
            if not self.files.read(path).startswith(head_line):
                raise UserError(f"{self.path}: another writer has taken over; nothing of it was overwritten")
            self.files.write(path, content)
        return content


def lines_of(segments: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines that were appended to a log, without the first line of each segment."""
    for segment in segments:
        yield from segment.splitlines(keepends=True)[1:]


def segment_path(folder: AnyPath, number: int) -> AnyPath:
    """Return the path of a segment; the first one is 1."""
    return folder / f"{number:06d}.jsonl"


def read_segments(files: Files, folder: AnyPath) -> list[bytes]:
    """Return the segments of a log in order, with their first lines, each up to the length in the next one.

    Raises:
        UserError: A segment is missing or has no valid first line.
    """
    count = len(files.list_files(folder))
    paths = [segment_path(folder, number) for number in range(1, count + 1)]
    found = files.read_many(paths)
    segments: list[bytes] = []
    for number, path in enumerate(paths, start=1):
        if path not in found:
            raise UserError(f"{path} is missing: bring it back from a copy, or from an older version of it")
        content = found[path]
        try:
            head = parse(_Head, content.partition(b"\n")[0], "the head of a segment")
        except ParseError:
            head = None
        if head is None or head.segment != number or (segments and len(segments[-1]) < head.after_bytes):
            raise UserError(f"{path}, line 1 is corrupt: it does not follow upon the segment before it")
        if segments:
            segments[-1] = segments[-1][: head.after_bytes]
        segments.append(content)
    return segments
