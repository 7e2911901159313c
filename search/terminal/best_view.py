"""The ranking of a run that looks for the best recipe, in a terminal."""

from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from failmap.analysis.best.leaderboard import Leaderboard, estimate_text, number_text, recipe_text
from failmap.analysis.best.ranking import best_of, rank
from failmap.run_folder.records import Outcome
from failmap.run_folder.wording import duration_display, quantity
from failmap.search.allocation.known_trials import KnownTrials
from failmap.search.config import RunConfig
from failmap.search.terminal.messages import error_lines
from failmap.search.terminal.view import SEPARATOR, TerminalView

#: Recipes in the picture while trials run, and errors.
_MOST_ROWS, _MOST_ERRORS = 10, 2
#: Characters of the column of recipes.
_LEAST_WIDTH = 24


def ranking_table(board: Leaderboard, most: int = _MOST_ROWS) -> RenderableType:
    """Return the first recipes as a table: place, each objective with its interval, seeds, settings."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", justify="right")
    for objective in board.objectives:
        table.add_column(f"{objective.name}, fresh seeds (95 %)", max_width=28)
    is_single = len(board.objectives) == 1
    # Of several objectives, the means over all seeds would leave no room for the recipe.
    table.add_column("all seeds" if is_single else "seeds", justify="right", no_wrap=True)
    table.add_column("recipe", ratio=1, min_width=_LEAST_WIDTH)
    for place, one in enumerate(board.recipes[:most], start=1):
        mean = f"{number_text(one.estimates[0].mean)} " if is_single else ""
        num_seeds = f"({len(one.numbers)})" if is_single else str(len(one.numbers))
        table.add_row(
            Text(str(place)),
            *(Text(estimate_text(estimate)) for estimate in one.estimates),
            Text(f"{mean}{num_seeds}"),
            Text(recipe_text(one)),
            style="bold" if board.best is not None and one.recipe_index == board.best.recipe_index else "",
        )
    more = len(board.recipes) - most
    return Group(table, Text(f"and {quantity(more, 'further recipe')}", style="dim")) if more > 0 else table


class BestView(TerminalView):
    """Shows the leaders while trials run.

    Args:
        config: The run's.
        known: The run's trials, which are looked at anew for each picture.
        deadline: Latest end of the session, on the clock of time.monotonic; None for no limit.
        console: The terminal.
        started: The program's start on the same clock.
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
        self.training_since = monotonic()
        self.ended_before = self._num_ended()

    def show(self) -> None:
        """Print the ranking and the counts, to stay."""
        self.console.print(ranking_table(self.board()))
        self.print_wrapped(self.line("unfinished"))

    def board(self) -> Leaderboard:
        """Return the ranking so far."""
        objectives = self.config.space.objectives
        recipes = rank(self.known, objectives)
        return Leaderboard(objectives, tuple(recipes), best_of(recipes, objectives), self._num_ended())

    def picture(self) -> RenderableType:
        """Return the ranking so far, as much of it as fits above its line."""
        lines = error_lines(self.known.errors(), most=_MOST_ERRORS)
        errors = [Text(line, no_wrap=True, overflow="ellipsis", style="red") for line in lines]
        # A recipe takes two lines at most in most terminals; three are for heading, line and prompt.
        room = max((self.console.height - 3 - len(errors)) // 2, 1)
        return Group(ranking_table(self.board(), min(room, _MOST_ROWS)), *errors)

    def line(self, unfinished: str = "running") -> str:
        """Return one line of counts, recipes, the best so far and time left.

        Args:
            unfinished: What trials are called that have not ended: 'running' or 'unfinished'.
        """
        outcomes, board = self.known.outcomes(), self.board()
        ended = outcomes.total() - outcomes[None]
        rare: tuple[Outcome, ...] = ("censored", "errored")
        names = {"censored": "stopped by rank", "errored": "errored"}
        counts = [f"{outcomes[one]} {names[one]}" for one in rare if outcomes[one]]
        counts += [f"{outcomes[None]} {unfinished}"]
        parts = [
            duration_display(monotonic() - self.started),
            f"{quantity(ended, 'trial')}: {', '.join(counts)}",
            quantity(len(board.recipes), "recipe"),
        ]
        if board.best is not None:
            values = zip(board.objectives, board.best.estimates, strict=True)
            told = ", ".join(f"{one.name} {number_text(estimate.mean)}" for one, estimate in values)
            seeds = quantity(len(board.best.numbers), "seed")
            parts.append(f"first: {told} over {seeds}")
        minutes = max(monotonic() - self.training_since, 1) / 60
        parts.append(f"{(ended - self.ended_before) / minutes:.0f} trials/min")
        if self.deadline is not None:
            parts.append(f"{duration_display(max(self.deadline - monotonic(), 0.0))} left")
        return SEPARATOR.join(parts)

    def _num_ended(self) -> int:
        outcomes = self.known.outcomes()
        return outcomes.total() - outcomes[None]
