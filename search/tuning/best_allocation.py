"""The next trial of a run that looks for the best recipe: a new recipe, or a leader on a fresh seed."""

from collections import defaultdict

from failmap.analysis.best.ranking import RankedRecipe, rank
from failmap.run_folder.records import Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.config import RunConfig
from failmap.search.samplers import BEST_SAMPLERS

#: Recipes that are tried before any is repeated: until then the sampler draws at random, too.
_LEAST_TRIED = 10


class BestAllocation:
    """Try recipes as the sampler proposes them, and repeat the leaders on fresh seeds.

    The best of many single trainings is mostly a lucky one. So a share of the trials (`budget.repeat`)
    repeats the `budget.leaders` recipes that are first at that time, the first one first, until each has
    `budget.seeds` seeds. One that falls behind makes room for the next. Whenever the run ends, its leaders
    have been confirmed as far as it got; where `budget.trials` is the limit, the last trials are theirs.

    Every recipe is tried with the same first seed, and repeated with the same others in the same order.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._sampler = BEST_SAMPLERS[config.sampler](config.space, config.seed)
        self._cell = next(config.space.cells())
        self._objectives = config.space.objectives
        self._trials: list[KnownTrial] = []
        self._first: list[KnownTrial] = []
        self._by_recipe: dict[int, list[KnownTrial]] = defaultdict(list)
        self._ranking: list[RankedRecipe] | None = None
        self._is_exhausted = False

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        if not self._by_recipe[trial.recipe_index]:
            self._first.append(trial)
        self._trials.append(trial)
        self._by_recipe[trial.recipe_index].append(trial)

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial."""
        trial.outcome, trial.score = outcome, score
        self._ranking, self._is_exhausted = None, False

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""
        limit = self._config.budget.trials
        left = None if limit is None else limit - len(self._trials)
        if left is not None and left <= 0:
            return None
        waiting = self._waiting()
        num_missing = sum(waiting.values())
        # The last trials are the leaders', within their share: there must be something to choose from.
        share = self._config.budget.repeat
        is_last = left is not None and limit is not None and left <= min(num_missing, share * limit)
        if waiting and (self._has_room_to_repeat() or is_last):
            return self._repeat(next(iter(waiting)))
        if (new := self._explore()) is not None:
            return new
        return self._repeat(next(iter(waiting))) if waiting else None

    def _has_room_to_repeat(self) -> bool:
        num_ended = sum(trial.outcome is not None for trial in self._first)
        num_repeats = len(self._trials) - len(self._first)
        share = self._config.budget.repeat
        return num_ended >= _LEAST_TRIED and num_repeats < share * (len(self._trials) + 1)

    def _waiting(self) -> dict[int, int]:
        """Return how many seeds each leader lacks, in their order, those with all seeds left out."""
        if self._ranking is None:
            self._ranking = rank(self._trials, self._objectives)
        budget = self._config.budget
        leaders = [one for one in self._ranking if not one.is_stopped]
        if len(self._objectives) > 1:
            # The whole front leads; those with the fewest seeds come first, so that all of it is confirmed.
            leaders = sorted(
                (one for one in leaders if one.front == 0),
                key=lambda one: len(self._by_recipe[one.recipe_index]),
            )
        waiting = {}
        for leader in leaders[: budget.leaders]:
            mine = self._by_recipe[leader.recipe_index]
            num_good = sum(trial.outcome != "errored" for trial in mine)
            # Each one that errored is replaced, up to as many again.
            missing = min(budget.seeds - num_good, 2 * budget.seeds - len(mine))
            if missing > 0:
                waiting[leader.recipe_index] = missing
        return waiting

    def _explore(self) -> NextTrial | None:
        if self._is_exhausted:
            return None
        recipe = self._sampler.propose(self._cell, self._trials)
        if recipe is None:
            # Until a trial ends: then another one may be valid.
            self._is_exhausted = True
            return None
        index = len(self._by_recipe)
        config = self._config.space.trial_config(self._cell, recipe, self._config.seed)
        return NextTrial(self._cell, index, recipe, "explore" if index else "default", config)

    def _repeat(self, recipe_index: int) -> NextTrial:
        space, mine = self._config.space, self._by_recipe[recipe_index]
        recipe = space.recipe_values(mine[0].recipe)
        config = space.trial_config(self._cell, recipe, self._config.seed + len(mine))
        return NextTrial(self._cell, recipe_index, recipe, "confirm", config)
