"""The live view of a search: the map filling in, or on a pipe one plain line every few seconds."""

from time import monotonic

from rich.console import Console, Group, RenderableType

from failmap.run_folder.records import Outcome
from failmap.run_folder.wording import duration_display, quantity
from failmap.search.allocation.known_trials import KnownTrials
from failmap.search.allocation.map_allocation import cells_in_order, default_cost
from failmap.search.allocation.remaining import Eta, remaining
from failmap.search.config import RunConfig
from failmap.search.shards import Shard
from failmap.search.terminal.map_table import map_picture
from failmap.search.terminal.run_view import RunView
from failmap.search.terminal.view import SEPARATOR


class LiveView(RunView):
    """Shows the map while it fills in."""

    def __init__(
        self,
        config: RunConfig,
        known: KnownTrials,
        deadline: float | None,
        console: Console,
        started: float | None = None,
    ) -> None:
        super().__init__(config, known, deadline, console, started)
        self.costs = {cell: default_cost(config, cell) for cell in cells_in_order(config)}
        self.eta = Eta(self._spent(), deadline)

    def result(self) -> RenderableType:
        """Return the whole map."""
        return self._picture()

    def picture(self) -> RenderableType:
        """Return the map so far, as much of it as fits above its line."""
        # One line is left to the prompt.
        below = len(self.wrapped(self.line()).wrap(self.console, self.console.width))
        errors = self.error_texts()
        picture = self._picture(self.console.height - 1 - below - len(errors))
        return Group(picture, *errors) if errors else picture

    def line(self, unfinished: str = "running") -> str:
        """Return one line of outcomes, decided cells, trials a minute and time left."""
        seconds = monotonic() - self.started
        outcomes = self.known.outcomes()
        counts = [f"{outcomes['learned']} learned", f"{outcomes['failed']} failed"]
        rare: tuple[Outcome, ...] = ("censored", "errored")
        counts += [f"{outcomes[one]} {one}" for one in rare if outcomes[one]]
        rest = remaining(self.config, [*self.costs], self.known.by_cell)
        left = self.eta.seconds_left(self._spent(), rest.cost(self.costs))
        num_changed = self.known.outcomes(interventions=True)[None]
        num_longer = self.known.num_continuing
        parts = [
            *([] if self.config.shard is None else [Shard.parse(self.config.shard).text]),
            duration_display(seconds),
            f"{quantity(self.num_ended, 'trial')}: {', '.join(counts)}; {outcomes[None]} {unfinished}",
            *([f"{quantity(num_changed, 'intervention')} {unfinished}"] if num_changed else []),
            *([f"{num_longer} being trained on"] if num_longer else []),
            rest.words,
            self.pace,
            "no estimate of the time left" if left is None else f"{duration_display(left)} left",
        ]
        return SEPARATOR.join(parts)

    def _picture(self, height: int | None = None) -> RenderableType:
        return map_picture(self.config, self.costs, self.known.by_cell, self.console.width, height)

    def _spent(self) -> float:
        """Return the relative cost of the map's trials that have ended."""
        return sum(
            self.costs.get(cell, 0.0) * sum(trial.outcome is not None for trial in trials)
            for cell, trials in self.known.by_cell.items()
        )
