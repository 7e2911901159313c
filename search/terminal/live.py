"""The live view of a search: the map filling in, or on a pipe one plain line every few seconds."""

from time import monotonic

from rich.console import Console, RenderableType

from failmap.run_folder.records import Outcome
from failmap.run_folder.wording import duration_display, quantity
from failmap.search.allocation.eta import MapEta
from failmap.search.allocation.known_trials import KnownTrials
from failmap.search.allocation.map_allocation import cells_in_order
from failmap.search.allocation.remaining import remaining
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.shards import Shard
from failmap.search.terminal.map_table import map_picture
from failmap.search.terminal.view import TerminalView


class LiveView(TerminalView):
    """Show the map while it fills in.

    Args:
        config: The run's.
        known: The run's trials, which are looked at anew for each picture.
        eta: Estimates when the search ends by itself.
        console: The terminal.
    """

    def __init__(self, config: RunConfig, known: KnownTrials, eta: MapEta, console: Console) -> None:
        super().__init__(console)
        self.config = config
        self.known = known
        self.eta = eta
        self.reached = cells_in_order(config, relative_cost)
        self.ended_before = known.outcomes.total()

    def show_map(self) -> None:
        """Print the map and the counts, to stay."""
        self.console.print(self._picture())
        self.console.print(self.status_line("unfinished"), highlight=False, soft_wrap=True)

    def picture(self) -> RenderableType:
        """Return the map so far, as much of it as fits above its line."""
        line = self.line()
        # One line is left to the prompt.
        height = self.console.height - 1 - -(-len(line) // self.console.width)
        return self._picture(height)

    def line(self) -> str:
        """Return the counts so far."""
        return self.status_line("running")

    def _picture(self, height: int | None = None) -> RenderableType:
        return map_picture(self.config, self.reached, self.known.by_cell, self.console.width, height)

    def status_line(self, unfinished: str) -> str:
        """Return one line of outcomes, decided cells, trials a minute and time left.

        Args:
            unfinished: What trials are called that have not ended: 'running' or 'unfinished'.
        """
        seconds = monotonic() - self.started
        outcomes = self.known.outcomes
        ended = outcomes.total()
        counts = [f"{outcomes['learned']} learned", f"{outcomes['failed']} failed"]
        rare: tuple[Outcome, ...] = ("censored", "errored")
        counts += [f"{outcomes[one]} {one}" for one in rare if outcomes[one]]
        rest = remaining(self.config, self.reached, self.known.by_cell)
        left = self.eta.seconds_left(self.known.by_cell, rest)
        num_changed = sum(trial.outcome is None for trial in self.known.interventions)
        shard = [] if self.config.shard is None else [Shard.parse(self.config.shard).text]
        parts = [
            *shard,
            duration_display(seconds),
            f"{quantity(ended, 'trial')}: {', '.join(counts)}; {self.known.num_unfinished} {unfinished}",
            *([f"{quantity(num_changed, 'intervention')} {unfinished}"] if num_changed else []),
            f"{rest.num_decided} of {quantity(len(self.reached), 'cell')} decided",
            f"{(ended - self.ended_before) / max(seconds, 1) * 60:.0f} trials/min",
            "no estimate of the time left" if left is None else f"{duration_display(left)} left",
        ]
        return " · ".join(parts)
