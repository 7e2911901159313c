"""The base class of views of a whole run while its trials run."""

from abc import abstractmethod
from time import monotonic

from rich.console import Console, RenderableType
from rich.text import Text

from failmap.search.allocation.known_trials import KnownTrials
from failmap.search.config import RunConfig
from failmap.search.terminal.messages import error_lines
from failmap.search.terminal.view import TerminalView

#: Errors of trials in the picture; the summary and `failmap status` have more.
_MAX_ERRORS = 2


class RunView(TerminalView):
    """Shows a run, of a map or of a search for the best recipe.

    Args:
        config: The run's.
        known: The run's trials, which are looked at anew for each picture.
        deadline: Latest end of the session, on the clock of time.monotonic; None for no limit.
        console: The terminal.
        started: The program's start on the same clock, from which the time limit counts; now by default.
    """

    def __init__(
        self,
        config: RunConfig,
        known: KnownTrials,
        deadline: float | None,
        console: Console,
        started: float | None = None,
    ) -> None:
        super().__init__(console, started)
        self.config, self.known, self.deadline = config, known, deadline
        self._training_since = monotonic()
        self._ended_before = self.num_ended

    @abstractmethod
    def line(self, unfinished: str = "running") -> str:
        """Return the current state in one line.

        Args:
            unfinished: What trials are called that have not ended: 'running' or 'unfinished'.
        """

    @abstractmethod
    def result(self) -> RenderableType:
        """Return the state at the session's end, of any height."""

    def show(self) -> None:
        """Print the result and the counts, to stay."""
        self.console.print(self.result())
        self.print_wrapped(self.line("unfinished"))

    @property
    def num_ended(self) -> int:
        """The trials that have ended, interventions and continuations left out."""
        outcomes = self.known.outcomes()
        return outcomes.total() - outcomes[None]

    @property
    def pace(self) -> str:
        """The pace of this session: '30 trials/min'."""
        minutes = max(monotonic() - self._training_since, 1) / 60
        return f"{(self.num_ended - self._ended_before) / minutes:.0f} trials/min"

    def error_texts(self) -> list[Text]:
        """Return the errors of trials, a line for each message."""
        lines = error_lines(self.known.errors(), most=_MAX_ERRORS)
        return [Text(line, no_wrap=True, overflow="ellipsis", style="red") for line in lines]
