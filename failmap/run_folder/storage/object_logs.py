"""Lines that are appended to where nothing can be appended: logs over an object store."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import Checked, Count, ParseError, parse
from failmap.run_folder.storage.contract import Files
from failmap.run_folder.storage.location import AnyPath

#: A segment that is longer is followed by the next one. Each `sync` writes one whole: at 128 KiB that takes
#: no longer than the request itself, and 10,000 trials come to some hundred segments, which a resume reads.
SEGMENT_BYTES = 128 * 1024


@dataclass(frozen=True)
class _Head(Checked):
    """The first line of a segment: its number, how long the one before it was, and who writes it."""

    segment: Count
    after_bytes: Count
    writer: str


class ObjectLog:
    """One object, written anew at `sync`: `Log` tells what each method promises."""

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
        """From memory: the object was read when the log was opened."""
        yield from self._content.splitlines(keepends=True)

    def append(self, lines: Sequence[bytes]) -> None:
        """Keeps them for `sync`."""
        self._pending.extend(lines)

    def sync(self) -> None:
        """One request, and none where nothing was appended."""
        if self._pending:
            content = b"".join((self._content, *self._pending))
            self.files.write(self.path, content)
            self._content = content
            self._pending.clear()


class SegmentLog:
    """A folder of numbered segments: `Log` tells what each method promises.

    Each segment begins with a line of its own, which says how long the one before it was. A new writer begins
    a new segment, which only one of several can create, and never writes those of before. What a superseded
    writer still adds to its last segment lies behind the length that its follower has seen, and is not read.
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
        """From memory, which is freed meanwhile."""
        segments, self._before = self._before, []
        return lines_of(segments)

    def append(self, lines: Sequence[bytes]) -> None:
        """Keeps them for `sync`."""
        self._pending.extend(lines)

    def sync(self) -> None:
        """One request, and none where nothing was appended.

        Raises:
            UserError: another writer has begun the next segment.
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
        """Writes a new segment with the lines that wait. Returns its content."""
        head = _Head(number, after_bytes, self._writer)
        head_line = f"{json.dumps(asdict(head))}\n".encode()
        content = b"".join((head_line, *self._pending))
        path = segment_path(self.path, number)
        if not self.files.create(path, content):
            # It may be our own, of a sync that failed later than it seemed.
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
    """The segments of a log in order, each with its first line, as far as their followers have seen them.

    Raises:
        UserError: one is missing, or does not begin as a segment does; it is named.
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
