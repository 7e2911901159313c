"""The ranking of a run that looks for the best recipe, in a terminal."""

from time import monotonic

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from failmap.analysis.best.leaderboard import Leaderboard, estimate_text, number_text, recipe_text
from failmap.analysis.best.ranking import best_of, rank
from failmap.run_folder.records import Outcome
from failmap.run_folder.wording import duration_display, quantity
from failmap.search.terminal.run_view import RunView
from failmap.search.terminal.view import SEPARATOR

#: Recipes in a table, at most.
_MOST_ROWS = 10
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


class BestView(RunView):
    """Shows the leaders while trials run."""

    def result(self) -> RenderableType:
        """Return the first recipes."""
        return ranking_table(self.board())

    def board(self) -> Leaderboard:
        """Return the ranking so far."""
        objectives = self.config.space.objectives
        recipes = rank(self.known, objectives)
        return Leaderboard(objectives, tuple(recipes), best_of(recipes, objectives), self.num_ended)

    def picture(self) -> RenderableType:
        """Return the ranking so far, as much of it as fits above its line."""
        errors = self.error_texts()
        # A recipe takes two lines at most in most terminals; three are for heading, line and prompt.
        room = max((self.console.height - 3 - len(errors)) // 2, 1)
        return Group(ranking_table(self.board(), min(room, _MOST_ROWS)), *errors)

    def line(self, unfinished: str = "running") -> str:
        """Return one line of counts, recipes, the best one so far, trials a minute and time left."""
        outcomes, board = self.known.outcomes(), self.board()
        rare: tuple[Outcome, ...] = ("censored", "errored")
        names = {"censored": "stopped by rank", "errored": "errored"}
        counts = [f"{outcomes[one]} {names[one]}" for one in rare if outcomes[one]]
        counts += [f"{outcomes[None]} {unfinished}"]
        parts = [
            duration_display(monotonic() - self.started),
            f"{quantity(self.num_ended, 'trial')}: {', '.join(counts)}",
            quantity(len(board.recipes), "recipe"),
        ]
        if board.best is not None:
            values = zip(board.objectives, board.best.estimates, strict=True)
            means = ", ".join(f"{one.name} {number_text(estimate.mean)}" for one, estimate in values)
            parts.append(f"best: {means} over {quantity(len(board.best.numbers), 'seed')}")
        parts.append(self.pace)
        if self.deadline is not None:
            parts.append(f"{duration_display(max(self.deadline - monotonic(), 0.0))} left")
        return SEPARATOR.join(parts)
