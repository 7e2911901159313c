"""What a training function prints: kept in the trial's output.log, of bounded size."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from failmap.run_folder.storage import AnyPath, read_text, write_atomically

#: Characters that are kept of the beginning, and as many of the end.
HALF_CHARACTERS = 50_000
#: Seconds between two writes while the function runs.
_WRITE_SECONDS = 5.0
_GAP = "\n[... output left out here ...]\n"


class OutputLog(io.TextIOBase):
    """A text stream into a file that keeps the beginning and the end of what is written.

    Args:
        path: The file; what an earlier attempt wrote to it is kept.
    """

    def __init__(self, path: AnyPath) -> None:
        self._path = path
        self._head, self._tail, self._is_cut = "", "", False
        self._is_changed, self._written_at = False, monotonic()
        with suppress(OSError, UnicodeDecodeError):
            self.write(read_text(path))
            self._is_changed = False

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Add a text and return its length."""
        self._is_changed = True
        room = HALF_CHARACTERS - len(self._head)
        if room > 0 and not self._tail:
            self._head += text[:room]
            rest = text[room:]
        else:
            rest = text
        tail = self._tail + rest
        self._is_cut = self._is_cut or len(tail) > HALF_CHARACTERS
        self._tail = tail[-HALF_CHARACTERS:]
        return len(text)

    @property
    def text(self) -> str:
        """What is kept."""
        return f"{self._head}{_GAP if self._is_cut else ''}{self._tail}"

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Send what Python prints in this process to the log. Programs that it starts are not captured."""
        before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before

    def save(self, *, is_last: bool = False) -> None:
        """Write the file if something was added, at most every few seconds unless it is the last time."""
        is_due = is_last or monotonic() - self._written_at >= _WRITE_SECONDS
        if self._is_changed and is_due:
            # A lone surrogate, which no file can hold, is escaped.
            content = self.text.encode("utf-8", "backslashreplace")
            write_atomically(self._path, content, survives_power_loss=False)
            self._is_changed, self._written_at = False, monotonic()
