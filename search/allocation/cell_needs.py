"""What one cell still wants: more seeds of a recipe, or another recipe."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from failmap.analysis.verdict import DEFAULT_RECIPE, Tally
from failmap.run_folder.records import Intervention, Outcome, Purpose, TrialRecord
from failmap.search.config import Budget
from failmap.search.space import Cell, Space


@dataclass(slots=True)
class TrialNote:
    """The little that a driver keeps of every trial.

    Attributes:
        number: Optuna's.
        cell: where it lies on the map.
        recipe_index: 0 for the default recipe.
        purpose: why it was begun.
        seed: of the trial.
        outcome: None until it has ended.
        score: the last one that is known, 0 before the first.
        intervention: what was changed, where something was: such a trial is no evidence of its cell.
    """

    number: int
    cell: Cell
    recipe_index: int
    purpose: Purpose
    seed: int
    outcome: Outcome | None = None
    score: float = 0.0
    intervention: Intervention | None = None


def note_of_record(record: TrialRecord, space: Space) -> TrialNote:
    """The note of a trial whose record is all that is known of it."""
    summary = record.summary
    return TrialNote(
        record.number,
        Cell(tuple((path, record.cell[path]) for path in space.map.paths)),
        record.recipe_index,
        record.purpose,
        record.seed,
        None if summary is None else summary.outcome,
        0.0 if summary is None else summary.score,
        record.intervention,
    )


class Priority(IntEnum):
    """Who comes first among the cells."""

    #: Seeds of the default recipe.
    DEFAULT = 0
    #: Another recipe, or seeds that confirm one.
    EXPLORE = 1
    #: A recipe that may prove needless: only so that no slot idles.
    AHEAD = 2


@dataclass(frozen=True)
class Want:
    """One more trial of a recipe. An index that no trial has yet asks for a new recipe."""

    recipe_index: int
    purpose: Purpose
    urgency: Priority


def cell_need(notes: Sequence[TrialNote], budget: Budget) -> Want | None:
    """What a cell with these trials wants next; None: nothing, or nothing before one of them ends."""
    default = [note for note in notes if note.purpose == "default"]
    if _num_missing(default, budget, extend=True):
        return Want(DEFAULT_RECIPE, "default", Priority.DEFAULT)
    if _is_running(default) or _tally(default).is_above_half or budget.recipes == 1:
        return None
    return _what_is_explored(notes, budget)


def _what_is_explored(notes: Sequence[TrialNote], budget: Budget) -> Want | None:
    """What comes after the default recipe, in a cell that has not learned by it.

    A recipe that learned on at least half of its seeds is confirmed on fresh ones before another is tried.
    """
    explored, confirmed = _by_recipe(notes, "explore"), _by_recipe(notes, "confirm")
    if any(_tally(trials).is_above_half for trials in confirmed.values() if not _is_running(trials)):
        return None
    for index, trials in explored.items():
        if _num_missing(trials, budget, extend=False):
            return Want(index, "explore", Priority.EXPLORE)
    for index, trials in confirmed.items():
        if _num_missing(trials, budget, extend=True):
            return Want(index, "confirm", Priority.EXPLORE)
    is_confirming = any(_is_running(trials) for trials in confirmed.values())
    promising = {
        index: _tally(trials)
        for index, trials in explored.items()
        if index not in confirmed and not _is_running(trials) and _tally(trials).share >= 0.5
    }
    if promising and not is_confirming:
        best = max(promising, key=lambda index: (promising[index].share, -index))
        return Want(best, "confirm", Priority.EXPLORE)
    if 1 + len(explored) >= budget.recipes:
        return None
    is_waited_for = is_confirming or any(_is_running(trials) for trials in explored.values())
    return Want(1 + len(explored), "explore", Priority.AHEAD if is_waited_for else Priority.EXPLORE)


def _num_missing(trials: Sequence[TrialNote], budget: Budget, *, extend: bool) -> int:
    """How many seeds these trials of one recipe lack.

    Args:
        trials: of one recipe and purpose. Each that errored is replaced, but not for ever.
        budget: says how many seeds there should be.
        extend: whether seeds that did not decide are followed by more.
    """
    errored = sum(note.outcome == "errored" for note in trials)
    counted = len(trials) - errored
    wanted = _next_look(trials, counted, budget) if extend else budget.seeds
    return max(0, wanted + min(errored, budget.max_seeds) - len(trials))


def _next_look(trials: Sequence[TrialNote], counted: int, budget: Budget) -> int:
    """Seeds after which a recipe is judged: as many as the budget says, then twice as many, up to its limit.

    It stays where it is once they have decided, so that a raised limit costs nothing in cells that are clear.
    """
    look, limit = budget.seeds, max(budget.seeds, budget.max_seeds)
    while look < limit and (counted > look or (counted == look and _is_undecided(trials))):
        look = min(2 * look, limit)
    return look


def _is_undecided(trials: Sequence[TrialNote]) -> bool:
    tally = _tally(trials)
    return not (_is_running(trials) or tally.is_above_half or tally.is_below_half)


def _is_running(trials: Sequence[TrialNote]) -> bool:
    return any(note.outcome is None for note in trials)


def _tally(trials: Sequence[TrialNote]) -> Tally:
    """Counts of the ended trials."""
    outcomes = [note.outcome for note in trials if note.outcome not in (None, "errored")]
    return Tally(outcomes.count("learned"), len(outcomes), outcomes.count("censored"))


def _by_recipe(notes: Sequence[TrialNote], purpose: Purpose) -> dict[int, list[TrialNote]]:
    trials: dict[int, list[TrialNote]] = defaultdict(list)
    for note in notes:
        if note.purpose == purpose:
            trials[note.recipe_index].append(note)
    return dict(sorted(trials.items()))
