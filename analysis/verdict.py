"""The verdict on one cell from its trials: learns, fails, unknown or not run."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from failmap.analysis.statistics import Interval, censored_interval
from failmap.run_folder.records import Outcome, Purpose
from failmap.run_folder.wording import quantity

State = Literal["learns", "fails", "unknown", "not_run"]
STATES: tuple[State, ...] = get_args(State)

#: The default recipe's index. It was named before the search, so that all its seeds count.
DEFAULT_RECIPE = 0


class JudgedTrial(Protocol):
    """All that a verdict needs of a trial. The outcome is None until the trial has ended."""

    @property
    def recipe_index(self) -> int:
        """0 for the default recipe."""

    @property
    def purpose(self) -> Purpose:
        """Why the trial was started."""

    @property
    def outcome(self) -> Outcome | None:
        """How the trial ended."""


@dataclass(frozen=True)
class Tally:
    """Counts of the trials of one recipe. Errored ones are no evidence and stand in none of them.

    Attributes:
        learned: k, trials that learned.
        trials: n, trials that learned, failed or are censored.
        censored: c, those among n whose end is not known, the unfinished ones included.
    """

    learned: int = 0
    trials: int = 0
    censored: int = 0

    @property
    def interval(self) -> Interval:
        """P(learn), Wilson 95 %, whatever the censored trials would have become."""
        return censored_interval(self.learned, self.trials, self.censored)

    @property
    def words(self) -> str:
        """Return '3 of 5', or '3 of 5 (1 censored)'."""
        censored = f" ({self.censored} censored)" if self.censored else ""
        return f"{self.learned} of {self.trials}{censored}"

    @property
    def is_above_half(self) -> bool:
        """Whether P(learn) surely lies above one half."""
        return self.interval.low > 0.5

    @property
    def is_below_half(self) -> bool:
        """Whether P(learn) surely lies below one half."""
        return self.interval.high < 0.5

    @property
    def share(self) -> float:
        """k / n, and 0 where there is no trial."""
        return self.learned / self.trials if self.trials else 0.0


@dataclass(frozen=True)
class RecipeTally:
    """One recipe in one cell.

    Attributes:
        recipe_index: 0 for the default recipe.
        all_trials: every trial of it: what counts towards 'fails'.
        evidence: the trials that count towards 'learns': of a recipe that was chosen among several only
            those that confirmed it, on seeds that did not choose it.
    """

    recipe_index: int
    all_trials: Tally
    evidence: Tally


@dataclass(frozen=True)
class CellVerdict:
    """The verdict on a cell.

    Attributes:
        state: learns, fails, unknown or not_run.
        best_recipe: index of the recipe that `tally` counts; None where no trial counts.
        tally: k, n and c of that recipe: the one that decided, or else the most promising.
        recipes: every recipe that was tried here, by index.
        num_errored: trials that errored.
        num_unfinished: trials that have not ended.
        reason: one line that says why the state is what it is.
    """

    state: State
    best_recipe: int | None
    tally: Tally
    recipes: tuple[RecipeTally, ...]
    num_errored: int
    num_unfinished: int
    reason: str

    @property
    def interval(self) -> Interval:
        """P(learn) of the best recipe."""
        return self.tally.interval

    @property
    def is_decided(self) -> bool:
        """Whether the cell learns or fails."""
        return self.state in ("learns", "fails")


def judge(trials: Iterable[JudgedTrial], fail_after_recipes: int = 1) -> CellVerdict:
    """Judge a cell by the rules of docs/failure_map.md.

    Args:
        trials: All trials of the cell. Interventions among them are no evidence of it, and are ignored.
        fail_after_recipes: Recipes, the default one included, that must fail before the cell fails.
    """
    trials = [trial for trial in trials if trial.purpose != "intervene"]
    tried = [recipe for recipe in _tally_recipes(trials) if recipe.all_trials.trials]
    num_errored = sum(trial.outcome == "errored" for trial in trials)
    num_unfinished = sum(trial.outcome is None for trial in trials)

    def verdict(state: State, best: RecipeTally | None, tally: Tally, reason: str) -> CellVerdict:
        index = best.recipe_index if best else None
        return CellVerdict(state, index, tally, tuple(tried), num_errored, num_unfinished, reason)

    if len(trials) == num_unfinished:
        reason = f"{quantity(num_unfinished, 'trial')} not ended yet" if trials else "no trial"
        return verdict("not_run", None, Tally(), reason)
    learning = [recipe for recipe in tried if recipe.evidence.is_above_half]
    if learning:
        best = max(learning, key=lambda recipe: _promise(recipe, recipe.evidence))
        return verdict("learns", best, best.evidence, _seeds_text(best.recipe_index, best.evidence))
    if not tried:
        return verdict("unknown", None, Tally(), f"{quantity(num_errored, 'trial')} errored, none counts")
    best = max(tried, key=lambda recipe: _promise(recipe, recipe.all_trials))
    doubt = _doubt(tried, best, fail_after_recipes)
    if doubt is None:
        seeds = _seeds_text(best.recipe_index, best.all_trials)
        reason = (
            seeds if len(tried) == 1 else f"each of the {len(tried)} recipes tried failed; at best {seeds}"
        )
        return verdict("fails", best, best.all_trials, reason)
    return verdict("unknown", best, best.all_trials, doubt)


def recipe_name(index: int) -> str:
    """Return the name of a recipe in texts."""
    return "the default recipe" if index == DEFAULT_RECIPE else f"recipe {index}"


def _tally_recipes(trials: Sequence[JudgedTrial]) -> list[RecipeTally]:
    by_recipe: dict[int, list[JudgedTrial]] = defaultdict(list)
    for trial in trials:
        by_recipe[trial.recipe_index].append(trial)
    return [
        RecipeTally(
            index,
            _tally(mine),
            _tally(trial for trial in mine if index == DEFAULT_RECIPE or trial.purpose == "confirm"),
        )
        for index, mine in sorted(by_recipe.items())
    ]


def _tally(trials: Iterable[JudgedTrial]) -> Tally:
    outcomes = [trial.outcome for trial in trials if trial.outcome != "errored"]
    return Tally(
        learned=outcomes.count("learned"),
        trials=len(outcomes),
        censored=outcomes.count("censored") + outcomes.count(None),
    )


def _promise(recipe: RecipeTally, tally: Tally) -> tuple[float, int, int]:
    """Recipes are compared by what is sure of them, then by evidence, then the default first."""
    return tally.interval.low, tally.trials, -recipe.recipe_index


def _doubt(tried: Sequence[RecipeTally], best: RecipeTally, fail_after_recipes: int) -> str | None:
    """Return why a cell in which nothing surely learns does not fail either, or None if it fails."""
    open_recipes = [recipe for recipe in tried if not recipe.all_trials.is_below_half]
    if not open_recipes:
        if tried[0].recipe_index != DEFAULT_RECIPE:
            return "the default recipe was not tried"
        if len(tried) < fail_after_recipes:
            return f"{len(tried)} of the {fail_after_recipes} recipes were tried that must fail"
        return None
    for recipe in open_recipes:
        if recipe.all_trials.is_above_half:
            seeds = _seeds_text(recipe.recipe_index, recipe.all_trials)
            return f"{seeds}, but these seeds chose it: it is to be confirmed on fresh ones"
    doubtful = best if best in open_recipes else open_recipes[0]
    seeds, (low, high) = _seeds_text(doubtful.recipe_index, doubtful.all_trials), doubtful.all_trials.interval
    return f"{seeds}: P(learn) from {low:.2f} to {high:.2f} may be above or below one half"


def _seeds_text(index: int, tally: Tally) -> str:
    """'the default recipe learned on 3 of 4 seeds (1 censored)'."""
    censored = f" ({tally.censored} censored)" if tally.censored else ""
    return f"{recipe_name(index)} learned on {tally.learned} of {quantity(tally.trials, 'seed')}{censored}"
