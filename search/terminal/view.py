"""The base class of live views, and a console that is safe for untrusted text."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import Self, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment
from rich.text import Text

from failmap.run_folder.errors import printable

#: Seconds between two lines on a pipe, and between two pictures in a terminal.
PLAIN_SECONDS, PICTURE_SECONDS = 5.0, 0.25
#: Between the parts of a line.
SEPARATOR = " · "
#: Lines above the picture that are repeated after the terminal's size has changed.
_NUM_RECENT = 6


class TerminalView(ABC):
    """Shows the state of a session: a picture in a terminal, plain lines on a pipe.

    Args:
        console: Console to draw on.
        started: The program's start on the clock of time.monotonic; now by default.

    Attributes:
        seconds_until_training: Time from the program's start to the first tick; None before.
    """

    def __init__(self, console: Console, started: float | None = None) -> None:
        self.console = console
        self.started = monotonic() if started is None else started
        self.seconds_until_training: float | None = None
        self._next = self.started
        self._live = self._new_live() if console.is_terminal else None
        self._size = console.size

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
        if self.seconds_until_training is None:
            self.seconds_until_training = monotonic() - self.started
        if monotonic() < self._next:
            return
        if self._live is None:
            self._next = monotonic() + PLAIN_SECONDS
            self.print_wrapped(self.line())
        else:
            self._next = monotonic() + PICTURE_SECONDS
            if self.console.size != self._size:
                self._size = self.console.size
                self._redraw()
            self._live.update(Group(self.picture(), self.wrapped(self.line())), refresh=True)

    def print_wrapped(self, line: str) -> None:
        """Print a line, in a terminal broken between its parts; on a pipe it stays one line."""
        text = self.wrapped(line) if self.console.is_terminal else Text(line)
        self.console.print(text, soft_wrap=not self.console.is_terminal)

    def wrapped(self, line: str) -> Text:
        """Return a line of parts, broken where one of them does not fit, and not between '4' and 's'."""
        lines: list[str] = []
        for part in line.split(SEPARATOR):
            longer = f"{lines[-1]}{SEPARATOR}{part}" if lines else part
            if lines and cell_len(longer) <= self.console.width:
                lines[-1] = longer
            else:
                lines.append(part)
        return Text("\n".join(lines))

    def _new_live(self) -> Live:
        return Live(console=self.console, auto_refresh=False)

    def _redraw(self) -> None:
        """Clear the screen after a change of its size.

        Terminals break the lines of the last picture anew, or do not, so that nobody knows how many there are
        to be erased. What was printed above the picture is repeated.
        """
        assert self._live is not None
        self._live.stop()
        self.console.control(Control.home(), Control(ControlType.CLEAR))
        if isinstance(self.console, SafeConsole):
            self.console.print_recent()
        self._live = self._new_live()
        self._live.start()


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
        self._recent: deque[str] = deque(maxlen=_NUM_RECENT)

    def print_line(self, line: str) -> None:
        """Print a line without markup.

        In a terminal it is broken between words, but for indented lines: these are commands to be copied.
        """
        self._recent.append(line)
        self._print_parts(line)

    def print_recent(self) -> None:
        """Print the last lines again."""
        for line in self._recent:
            self._print_parts(line)

    def _print_parts(self, line: str) -> None:
        for part in line.split("\n"):
            self.print(Text(part), soft_wrap=part.startswith("  ") or not self.is_terminal)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render with escaped text; all text passes here, table cells included, but not rich's own codes."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, allowed="\n"), segment.style)
