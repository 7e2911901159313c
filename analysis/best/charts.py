"""Charts as marks and lines in percent, and that of the history of a search."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from failmap.analysis.best.leaderboard import Leaderboard, number_text
from failmap.analysis.best.ranking import RankedRecipe
from failmap.analysis.best.scales import Scale, Tick, number_scale, thinned
from failmap.analysis.best.settings import shortened
from failmap.analysis.load import Run
from failmap.run_folder.objectives import Objective
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import quantity

#: Marks in one chart: more of them cover each other, and make the page slow.
MOST_MARKS = 1500
#: Kinds of marks that others cover, the lowest one first.
_LAYERS = {"stopped": 0, "beaten": 1}
#: Height of marks without a value, below the lowest tick.
_BELOW = 100.0


@dataclass(frozen=True)
class Mark:
    """A trial or a recipe in a chart, in percent from the left and from the top.

    Attributes:
        kind: 'new', 'repeat', 'stopped', 'errored' or 'no_value' of a trial; 'front', 'confirmed', 'beaten'
            or 'stopped' of a recipe.
        recipe, trial: Their numbers; a trial of None: the mark is a recipe.
        is_best: Whether it belongs to the recipe that is named.
    """

    x: float
    y: float
    kind: str
    recipe: int
    trial: int | None = None
    is_best: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        description: What it shows, for those who cannot see it.
        x_name, y_name, x_ticks, y_ticks: Titles and texts of the axes.
        marks: In the order in which they are drawn.
        line: A path in percent from the left and from the top; '' without one.
        labels: Places beside marks: from the left, from the top, the text.
        notes: What is not drawn, or not where it belongs.
        is_category: Whether the x axis has names instead of numbers.
    """

    description: str
    x_name: str
    y_name: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    marks: Sequence[Mark]
    line: str = ""
    labels: Sequence[tuple[float, float, str]] = ()
    notes: Sequence[str] = ()
    is_category: bool = False


def objective_name(objective: Objective) -> str:
    """Return the title of an objective's axis: 'score (larger is better)'."""
    better = "larger" if objective.sign > 0 else "smaller"
    return f"{shortened(objective.name.replace('_', ' '))} ({better} is better)"


def history_chart(run: Run, board: Leaderboard) -> Chart | None:
    """Return the first objective of every trial in the order of their beginnings, and the best so far.

    None if no trial has a value.
    """
    objective = board.objectives[0]
    trials = [record for record in run.cell_records if record.outcome is not None]
    with_value = [(one.number, one.objectives[0]) for one in trials if one.objectives and _counts(one)]
    if not with_value:
        return None
    y = number_scale((value for _, value in with_value), sign=objective.sign)
    x = number_scale([float(one.number) for one in trials])
    best = _best_so_far(with_value, objective.sign)
    steps = {number for number, _ in best}
    kept = [index for index, one in enumerate(trials) if one.number in steps]
    chosen = [trials[index] for index in thinned(len(trials), MOST_MARKS, kept[-MOST_MARKS:])]
    named = None if board.best is None else board.best.recipe_index
    marks = [
        Mark(
            x.at(one.number),
            100 - y.at(one.objectives[0]) if _counts(one) and one.objectives else _BELOW,
            _kind(one),
            one.recipe_index,
            one.number,
            one.recipe_index == named,
        )
        for one in chosen
    ]
    notes = left_out(len(trials) - len(chosen), "trial")
    if num_outside := sum(not y.holds(value) for _, value in with_value):
        notes.append(f"{quantity(num_outside, 'trial')} beyond the axis, drawn at its end")
    description = (
        f"{objective.name} of {quantity(len(trials), 'trial')} in the order in which they were begun; the "
        f"best single training is trial {best[-1][0]} with {number_text(best[-1][1])}"
    )
    name = "trial, in the order in which they were begun"
    line = _steps(best, trials[-1].number, x, y)
    return Chart(
        description,
        name,
        objective_name(objective),
        x.ticks,
        y.ticks,
        on_top(marks),
        line,
        notes=tuple(notes),
    )


def recipe_kind(recipe: RankedRecipe, *, is_front: bool = False) -> str:
    """Return the kind of a recipe's mark."""
    if recipe.is_stopped:
        return "stopped"
    if is_front:
        return "confirmed" if recipe.is_confirmed else "front"
    return "beaten"


def _counts(trial: TrialRecord) -> bool:
    """Return whether a trial's value counts; an errored one is no evidence."""
    return trial.outcome != "errored"


def _kind(trial: TrialRecord) -> str:
    if trial.outcome == "errored":
        return "errored"
    if not trial.objectives:
        return "no_value"
    if trial.outcome == "censored":
        return "stopped"
    return "repeat" if trial.purpose == "confirm" else "new"


def _best_so_far(values: Iterable[tuple[int, float]], sign: float) -> list[tuple[int, float]]:
    """Return the trials that were better than all before them."""
    best: list[tuple[int, float]] = []
    for number, value in values:
        if not best or sign * value > sign * best[-1][1]:
            best.append((number, value))
    return best


def _steps(best: Sequence[tuple[int, float]], last: int, x: Scale, y: Scale) -> str:
    number, value = best[0]
    path = f"M{x.at(number)} {100 - y.at(value):.2f}"
    for number, value in best[1:]:
        path += f"H{x.at(number)}V{100 - y.at(value):.2f}"
    return f"{path}H{x.at(last)}"


def left_out(count: int, noun: str) -> list[str]:
    """Return a note on what is not drawn, if there is any."""
    return [f"{quantity(count, noun)} left out of this chart, to keep it small"] if count else []


def on_top(marks: Iterable[Mark]) -> list[Mark]:
    """Return marks in the order in which they are drawn: stopped ones first, the best recipe last."""
    return sorted(marks, key=lambda mark: (mark.is_best, _LAYERS.get(mark.kind, len(_LAYERS))))
