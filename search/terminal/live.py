"""The terminal view: the map filling in. On a pipe, one plain line every few seconds."""

from collections.abc import Callable
from time import monotonic

from rich.console import Console, RenderableType

from failmap.run_folder.records import Outcome
from failmap.run_folder.wording import duration_display, quantity
from failmap.search.allocation.map_allocation import cells_in_order
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.shards import Shard
from failmap.search.study import Results
from failmap.search.terminal.map_table import judge_cells, map_picture
from failmap.search.terminal.view import TerminalView


class LiveView(TerminalView):
    """Shows the map while it fills in.

    Args:
        config: of the run.
        results: asks the study what is known.
        seconds_left: estimated seconds until the search ends by itself; None where nobody knows.
        console: where to draw.
    """

    def __init__(
        self,
        config: RunConfig,
        results: Callable[[], Results],
        seconds_left: Callable[[Results], float | None],
        console: Console,
    ) -> None:
        super().__init__(console)
        self.config = config
        self.results = results
        self.seconds_left = seconds_left
        self.reached = cells_in_order(config, relative_cost)
        self.ended_before = sum(results().outcomes.values())

    def show_map(self, results: Results) -> None:
        """Prints the map and the counts, to stay."""
        self.console.print(self._picture(results))
        self.console.print(self.status_line(results, "unfinished"), highlight=False, soft_wrap=True)

    def picture(self) -> RenderableType:
        """The map as it stands, as far as it fits above its line."""
        results = self.results()
        line = self.status_line(results)
        # One line is left to the prompt.
        height = self.console.height - 1 - -(-len(line) // self.console.width)
        return self._picture(results, height)

    def line(self) -> str:
        """The counts as they stand."""
        return self.status_line(self.results())

    def _picture(self, results: Results, height: int | None = None) -> RenderableType:
        return map_picture(self.config, self.reached, results.cells, self.console.width, height)

    def status_line(self, results: Results, others: str = "running") -> str:
        """Counts of outcomes, decided cells, trials a minute and time left, in one line.

        `others` is what trials are called that have not ended.
        """
        seconds = monotonic() - self.started
        ended = sum(results.outcomes.values())
        counts = [
            f"{results.outcomes.get('learned', 0)} learned",
            f"{results.outcomes.get('failed', 0)} failed",
        ]
        rare: tuple[Outcome, ...] = ("censored", "errored")
        counts += [f"{results.outcomes[one]} {one}" for one in rare if results.outcomes.get(one)]
        verdicts = judge_cells(self.config, self.reached, results.cells)
        decided = sum(verdict.state in ("learns", "fails") for verdict in verdicts.values())
        left = self.seconds_left(results)
        changed = sum(note.outcome is None for note in results.interventions)
        shard = [] if self.config.shard is None else [Shard.parse(self.config.shard).text]
        parts = [
            *shard,
            duration_display(seconds),
            f"{quantity(ended, 'trial')}: {', '.join(counts)}; {results.num_unfinished} {others}",
            *([f"{quantity(changed, 'intervention')} {others}"] if changed else []),
            f"{decided} of {quantity(len(verdicts), 'cell')} decided",
            f"{(ended - self.ended_before) / max(seconds, 1) * 60:.0f} trials/min",
            "no estimate of the time left" if left is None else f"{duration_display(left)} left",
        ]
        return " · ".join(parts)
