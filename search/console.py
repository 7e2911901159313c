"""The terminal that programs write to: what others named is text there, and nothing else."""

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from failmap.analysis.printable import printable


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
