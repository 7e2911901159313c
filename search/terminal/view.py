"""The base class of live views, and a console that is safe for untrusted text."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from time import monotonic
from typing import Self, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from failmap.run_folder.errors import printable

#: Seconds between two lines on a pipe, and between two pictures in a terminal.
PLAIN_SECONDS, PICTURE_SECONDS = 5.0, 0.25


class TerminalView(ABC):
    """Shows the state of a session: a picture in a terminal, plain lines on a pipe.

    Args:
        console: Console to draw on.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = monotonic()
        self._next = self.started
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    @abstractmethod
    def picture(self) -> RenderableType:
        """Return the current state for a terminal."""

    @abstractmethod
    def line(self) -> str:
        """Return the current state in one line."""

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
            self._live.stop()

    def tick(self) -> None:
        """Redraw if enough time has passed since the last time."""
        if monotonic() < self._next:
            return
        if self._live is None:
            self._next = monotonic() + PLAIN_SECONDS
            self.console.print(self.line(), highlight=False, soft_wrap=True)
        else:
            self._next = monotonic() + PICTURE_SECONDS
            self._live.update(Group(self.picture(), Text(self.line())), refresh=True)


class SafeConsole(Console):
    """Prints untrusted text literally.

    Names, labels, reasons and questions may come from a run of somebody else. Markup such as `[red]` and
    emoji codes such as `:smile:` are not interpreted, and control characters are printed as `\\x1b`.

    Args:
        file: Output file; standard output by default.
        stderr: Whether to write to standard error.
    """

    def __init__(self, file: TextIO | None = None, *, stderr: bool = False) -> None:
        super().__init__(file=file, stderr=stderr, markup=False, emoji=False)

    def print_line(self, line: str) -> None:
        """Print a line without markup or wrapping, so that users can copy it."""
        self.print(Text(line), soft_wrap=True)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render with escaped text; all text passes here, table cells included, but not rich's own codes."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, allowed="\n"), segment.style)
