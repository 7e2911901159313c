"""How a session shows itself while it goes on: a picture in a terminal, a line now and then on a pipe."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from failmap.run_folder.errors import printable

#: Seconds from one plain line to the next, and from one picture to the next.
PLAIN_SECONDS, PICTURE_SECONDS = 5.0, 0.25


class TerminalView(ABC):
    """Draws on a console for as long as it is entered.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = monotonic()
        self._next = self.started
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    @abstractmethod
    def picture(self) -> RenderableType:
        """What is known, to be looked at."""

    @abstractmethod
    def line(self) -> str:
        """The same in one line."""

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
            self._live.stop()

    def tick(self) -> None:
        """Draws anew if it is time to; called as often as one likes."""
        if monotonic() < self._next:
            return
        if self._live is None:
            self._next = monotonic() + PLAIN_SECONDS
            self.console.print(self.line(), highlight=False, soft_wrap=True)
        else:
            self._next = monotonic() + PICTURE_SECONDS
            self._live.update(Group(self.picture(), Text(self.line())), refresh=True)


class SafeConsole(Console):
    """Shows texts as they are.

    Names, labels, reasons and questions may come from a run that somebody else made. `[red]` and `:smile:`
    in them mean nothing, and what would steer the terminal stands as `\\x1b`, whatever it was printed in.

    Args:
        file: where to write; standard output where left out.
        stderr: writes to standard error.
    """

    def __init__(self, file: TextIO | None = None, *, stderr: bool = False) -> None:
        super().__init__(file=file, stderr=stderr, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Every text that is shown comes through here, the cells of tables too; rich's own codes apart."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, allowed="\n"), segment.style)
