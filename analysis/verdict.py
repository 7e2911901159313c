"""The verdict on one cell from its trials: learns, fails, unknown or not run."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from failmap.analysis.sequential import DEFAULT_RULE, Rule, Side, confirm_rule
from failmap.analysis.statistics import Interval, censored_interval
from failmap.analysis.surface.beliefs import CellBelief
from failmap.run_folder.records import NO_EVIDENCE, Outcome, Purpose
from failmap.run_folder.wording import quantity

State = Literal["learns", "fails", "edge", "unknown", "not_run"]
STATES: tuple[State, ...] = get_args(State)
#: Whether a cell's own seeds say so, or the surface of P(learn) over its neighbours.
Basis = Literal["measured", "inferred"]

#: The default recipe's index. It was named before the search, so that all its seeds count.
DEFAULT_RECIPE = 0


class JudgedTrial(Protocol):
    """All that a verdict needs of a trial. The outcome is None until the trial has ended."""

    @property
    def number(self) -> int:
        """Its place in the order in which trials were begun, in which seeds are looked at."""

    @property
    def recipe_index(self) -> int:
        """0 for the default recipe."""

    @property
    def purpose(self) -> Purpose:
        """Why the trial was started."""

    @property
    def outcome(self) -> Outcome | None:
        """How the trial ended."""

    @property
    def p_learn(self) -> float:
        """Probability that it would have learned, if it was stopped as hopeless; 0 of any other."""


@dataclass(frozen=True)
class Tally:
    """Counts of the trials of one recipe. Errored ones are no evidence and stand in none of them.

    Attributes:
        learned: k, trials that learned.
        trials: n, trials that learned, failed or are censored.
        censored: c, those among n whose end is not known, the unfinished ones included.
        hopeless: Those among n that were stopped as hopeless, and count as failed.
        learned_of_hopeless: How many of these would have learned: a sum of probabilities.
    """

    learned: int = 0
    trials: int = 0
    censored: int = 0
    hopeless: int = 0
    learned_of_hopeless: float = 0.0

    @property
    def interval(self) -> Interval:
        """P(learn), Wilson 95 %, whatever the censored trials would have become."""
        return censored_interval(self.learned, self.trials, self.censored)

    @property
    def words(self) -> str:
        """Return '3 of 5', or '3 of 5 (1 stopped as hopeless, 1 censored)'."""
        return f"{self.learned} of {self.trials}{self.notes}"

    @property
    def notes(self) -> str:
        """Return ' (1 stopped as hopeless, 1 censored)', or ''."""
        counts = {"stopped as hopeless": self.hopeless, "censored": self.censored}
        notes = ", ".join(f"{count} {note}" for note, count in counts.items() if count)
        return f" ({notes})" if notes else ""

    @property
    def share(self) -> float:
        """k / n, and 0 where there is no trial."""
        return self.learned / self.trials if self.trials else 0.0


@dataclass(frozen=True)
class RecipeTally:
    """One recipe in one cell.

    Attributes:
        recipe_index: 0 for the default recipe.
        all_trials: All its trials.
        explored: The trials that chose it among several, or did not; all trials of the default recipe.
        evidence: The trials that count towards 'learns': of a recipe that was chosen among several only
            those that confirm it, on seeds that did not choose it.
        place: Its place in the order of the cell's confirmations, from 1; 0 if it is not confirmed.
        rule: The rule that decides it.
        seeds: What the rule decides on: whether each trial learned, by number; None if that is not known.
        side: Whether it is decided to learn on more or on fewer than half of all seeds; None if neither.
    """

    recipe_index: int
    all_trials: Tally
    explored: Tally
    evidence: Tally
    place: int
    rule: Rule
    seeds: tuple[bool | None, ...]
    side: Side | None

    @property
    def is_promising(self) -> bool:
        """Whether it learned on at least half of the seeds that explored it: worth confirming."""
        return 2 * self.explored.learned >= self.explored.trials > 0

    @property
    def may_learn(self) -> bool:
        """Whether it keeps a cell from failing: promising whatever was censored, and not decided as below."""
        possible = self.explored.learned + self.explored.censored
        return self.side != "below" and (self.place > 0 or 2 * possible >= self.explored.trials)


@dataclass(frozen=True)
class CellVerdict:
    """The verdict on a cell.

    Attributes:
        state: learns, fails, edge, unknown or not_run.
        best_recipe: index of the recipe that `tally` counts; None where no trial counts.
        tally: k, n and c of that recipe: the one that decided, or else the most promising.
        recipes: every recipe that was tried here, by index.
        num_errored: trials that errored.
        num_unfinished: trials that have not ended.
        reason: one line that says why the state is what it is.
        basis: whether the cell's own seeds decide that, or its neighbours.
        belief: what the surface says of the default recipe; None without a surface.
    """

    state: State
    best_recipe: int | None
    tally: Tally
    recipes: tuple[RecipeTally, ...]
    num_errored: int
    num_unfinished: int
    reason: str
    basis: Basis = "measured"
    belief: CellBelief | None = None

    @property
    def interval(self) -> Interval:
        """P(learn) of the best recipe."""
        return self.tally.interval

    @property
    def shown_interval(self) -> tuple[float, float]:
        """P(learn) as far as the state rests on it: by the surface if that decides, or else by own seeds."""
        if self.belief is not None and (self.is_inferred or self.state == "edge"):
            return self.belief.low, self.belief.high
        return self.interval

    @property
    def is_decided(self) -> bool:
        """Whether the cell learns or fails, by its own seeds or by the surface."""
        return self.state in ("learns", "fails")

    @property
    def is_measured(self) -> bool:
        """Whether the cell's own seeds decide it."""
        return self.is_decided and self.basis == "measured"

    @property
    def is_inferred(self) -> bool:
        """Whether the surface alone decides it."""
        return self.is_decided and self.basis == "inferred"

    @property
    def default_counts(self) -> tuple[int, int]:
        """How many trials of the default recipe learned, and how many ended without an error."""
        return self._default_tally.learned, self._default_tally.trials - self._default_tally.censored

    @property
    def surface_counts(self) -> tuple[float, int]:
        """Return the same for the surface: a trial that was stopped counts by its probability of learning."""
        learned, ended = self.default_counts
        return learned + self._default_tally.learned_of_hopeless, ended

    @property
    def _default_tally(self) -> Tally:
        return next((one.all_trials for one in self.recipes if one.recipe_index == DEFAULT_RECIPE), Tally())


def judge(trials: Iterable[JudgedTrial], fail_after_recipes: int = 1) -> CellVerdict:
    """Judge a cell by the rules of docs/failure_map.md.

    Args:
        trials: All trials of the cell. Interventions among them are no evidence of it, and are ignored.
        fail_after_recipes: Recipes, the default one included, that must fail before the cell fails.
    """
    trials = [trial for trial in trials if trial.purpose not in NO_EVIDENCE]
    tried = [recipe for recipe in tally_recipes(trials) if recipe.all_trials.trials]
    num_errored = sum(trial.outcome == "errored" for trial in trials)
    num_unfinished = sum(trial.outcome is None for trial in trials)

    def verdict(state: State, best: RecipeTally | None, tally: Tally, reason: str) -> CellVerdict:
        index = best.recipe_index if best else None
        return CellVerdict(state, index, tally, tuple(tried), num_errored, num_unfinished, reason)

    if len(trials) == num_unfinished:
        reason = f"{quantity(num_unfinished, 'trial')} not ended yet" if trials else "no trial"
        return verdict("not_run", None, Tally(), reason)
    learning = [recipe for recipe in tried if recipe.side == "above"]
    if learning:
        best = max(learning, key=lambda recipe: _promise(recipe, recipe.evidence))
        return verdict("learns", best, best.evidence, _seeds_text(best.recipe_index, best.evidence))
    if not tried:
        return verdict("unknown", None, Tally(), f"{quantity(num_errored, 'trial')} errored, none counts")
    if doubt := _doubt(tried, fail_after_recipes):
        best = max(tried, key=lambda recipe: _promise(recipe, recipe.all_trials))
        return verdict("unknown", best, best.all_trials, doubt)
    failing = [recipe for recipe in tried if recipe.side == "below"]
    best = max(failing, key=lambda recipe: _promise(recipe, recipe.all_trials))
    reason = _seeds_text(best.recipe_index, best.all_trials)
    if len(failing) > 1:
        reason = f"each of {len(failing)} recipes failed; at best {reason}"
    return verdict("fails", best, best.all_trials, reason)


def recipe_name(index: int) -> str:
    """Return the name of a recipe in texts."""
    return "the default recipe" if index == DEFAULT_RECIPE else f"recipe {index}"


def tally_recipes(trials: Iterable[JudgedTrial]) -> list[RecipeTally]:
    """Return every recipe of a cell by index, with its decision. Interventions must be left out."""
    by_recipe: dict[int, list[JudgedTrial]] = defaultdict(list)
    confirmed: dict[int, list[JudgedTrial]] = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: trial.number):
        by_recipe[trial.recipe_index].append(trial)
        if trial.purpose == "confirm":
            confirmed[trial.recipe_index].append(trial)
    places = {index: place for place, index in enumerate(confirmed, start=1)}
    return [
        _tally_recipe(index, by_recipe[index], confirmed.get(index, []), places.get(index, 0))
        for index in sorted(by_recipe)
    ]


def _tally_recipe(
    index: int, mine: Sequence[JudgedTrial], confirming: Sequence[JudgedTrial], place: int
) -> RecipeTally:
    """Decide one recipe from its trials, and those among them that confirm it, both by number."""
    is_default = index == DEFAULT_RECIPE
    evidence = mine if is_default else confirming
    rule = confirm_rule(place) if place else DEFAULT_RULE
    # Seeds that did not lead to a confirmation can show that a recipe fails, but not that it learns.
    seeds = tuple(
        None if trial.outcome in ("censored", None) else trial.outcome == "learned"
        for trial in (confirming if place else mine)
        if trial.outcome != "errored"
    )
    side = rule.decide(seeds)
    return RecipeTally(
        recipe_index=index,
        all_trials=_tally(mine),
        explored=_tally(trial for trial in mine if trial.purpose != "confirm"),
        evidence=_tally(evidence),
        place=place,
        rule=rule,
        seeds=seeds,
        side=None if side == "above" and not (is_default or place) else side,
    )


def _tally(trials: Iterable[JudgedTrial]) -> Tally:
    counted = [trial for trial in trials if trial.outcome != "errored"]
    outcomes = [trial.outcome for trial in counted]
    hopeless = [trial.p_learn for trial in counted if trial.p_learn]
    return Tally(
        learned=outcomes.count("learned"),
        trials=len(outcomes),
        censored=outcomes.count("censored") + outcomes.count(None),
        hopeless=len(hopeless),
        learned_of_hopeless=sum(hopeless),
    )


def _promise(recipe: RecipeTally, tally: Tally) -> tuple[float, int, int]:
    """Recipes are compared by what is sure of them, then by evidence, then the default first."""
    return tally.interval.low, tally.trials, -recipe.recipe_index


def _doubt(tried: Sequence[RecipeTally], fail_after_recipes: int) -> str | None:
    """Return why a cell in which no recipe is decided to learn does not fail either, or None if it fails."""
    default, *others = tried
    if default.recipe_index != DEFAULT_RECIPE:
        return "the default recipe was not tried"
    if open_recipes := [recipe for recipe in others if recipe.may_learn]:
        best = max(open_recipes, key=lambda recipe: _promise(recipe, recipe.all_trials))
        if not best.place and best.is_promising:
            seeds = _seeds_text(best.recipe_index, best.all_trials)
            return f"{seeds}, but these seeds chose it: it is to be confirmed on fresh ones"
        return _undecided_text(best)
    if default.side != "below":
        return _undecided_text(default)
    num_failing = sum(recipe.side == "below" for recipe in tried)
    if num_failing < fail_after_recipes:
        return f"{num_failing} of the {fail_after_recipes} recipes failed that must fail"
    return None


def _undecided_text(recipe: RecipeTally) -> str:
    """'the default recipe learned on 3 of 4 seeds: P(learn) from 0.30 to 0.95; 10 seeds may decide'."""
    tally = recipe.evidence if recipe.evidence.trials else recipe.all_trials
    low, high = tally.interval
    text = f"{_seeds_text(recipe.recipe_index, tally)}: P(learn) from {low:.2f} to {high:.2f}"
    look = recipe.rule.next_look(recipe.seeds, recipe.rule.looks[-1].num_seeds)
    return text if look is None else f"{text}; {look} seeds may decide"


def _seeds_text(index: int, tally: Tally) -> str:
    """'the default recipe learned on 3 of 4 seeds (1 censored)'."""
    return f"{recipe_name(index)} learned on {tally.learned} of {quantity(tally.trials, 'seed')}{tally.notes}"
