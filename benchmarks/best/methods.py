"""The tuners that are compared, each on one table in memory."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from benchmarks.best.tables import Encoding, HpoTable, Lookups
from failmap.analysis.best.ranking import best_of, rank
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.config import Budget, RunConfig
from failmap.search.samplers.base import distributions
from failmap.search.tuning.best_allocation import BestAllocation


@dataclass(frozen=True)
class Named:
    """The recipe that a method names as the best after some trials.

    Attributes:
        regret: Of its truth.
        optimism: What the method says that it is worth, less its truth, in units of the regret.
        covers: Whether the truth is in the interval that the method gives; None if it gives none.
        num_repeats: Trials that repeated a recipe on purpose.
        seconds: All decisions of the method until then.
    """

    regret: float
    optimism: float
    covers: bool | None
    num_repeats: int
    seconds: float


@dataclass(frozen=True)
class Method:
    """A tuner.

    Attributes:
        run: Returns what is named, by the number of trials.
        encoding: How numbers are told.
        needs_ranges: Whether it does nothing on a table without numbers.
        most_trials: Trials, beyond which its decisions take too long to be replayed.
    """

    run: Callable[[HpoTable, Encoding, int, Sequence[int]], dict[int, Named]]
    encoding: Encoding = "ranges"
    needs_ranges: bool = False
    most_trials: float = math.inf


def with_failmap(
    sampler: Literal["tpe", "gp", "cmaes", "random"] = "tpe", **budget: float
) -> Callable[[HpoTable, Encoding, int, Sequence[int]], dict[int, Named]]:
    """Return a method that has Failmap's allocation decide each trial."""

    def run(table: HpoTable, encoding: Encoding, replay: int, trials: Sequence[int]) -> dict[int, Named]:
        space, found = table.space(encoding), {}
        earlier: list[KnownTrial] = []
        seconds_before = 0.0
        # The limit is heard only when the seeds that the leaders lack would fill the rest: until then runs of
        # all limits are the same, and go on from each other's trials as a resumed run does.
        for limit in sorted(trials):
            config = RunConfig(
                run="x",
                space=space,
                seed=replay,
                sampler=sampler,
                budget=Budget.model_validate({"trials": limit, **budget}),
            )
            num_shared = limit - config.budget.leaders * config.budget.seeds - 1
            search = _Search(config, Lookups(table, replay), earlier, seconds_before)
            while len(search.trials) < limit:
                search.step()
                if len(search.trials) == num_shared:
                    earlier, seconds_before = list(search.trials), search.seconds
            found[limit] = _named(table, search)
        return found

    return run


class _Search:
    """One run of Failmap's allocation, which may begin with the trials of another one.

    Attributes:
        trials: All so far.
        seconds: Of all decisions so far.
        objectives: What it optimises.
    """

    def __init__(
        self, config: RunConfig, look_up: Lookups, earlier: Sequence[KnownTrial], seconds: float
    ) -> None:
        self.trials: list[KnownTrial] = []
        self.seconds = seconds
        self.objectives = config.space.objectives
        self._look_up, self._space = look_up, config.space
        self._allocation = BestAllocation(config)
        for trial in earlier:
            look_up(trial.recipe)
            self._allocation.begin(trial)
            self.trials.append(trial)

    def step(self) -> None:
        """Run the next trial."""
        began = time.perf_counter()
        job = self._allocation.next()
        assert job is not None, "the table is exhausted"
        trial = KnownTrial(
            len(self.trials),
            job.cell,
            job.recipe_index,
            self._space.recipe_labels(job.recipe),
            job.purpose,
            job.seed,
        )
        self._allocation.begin(trial)
        self.trials.append(trial)
        self.seconds += time.perf_counter() - began
        value = self._look_up(trial.recipe)
        trial.objectives = (value,)
        began = time.perf_counter()
        self._allocation.end(trial, "failed", value)
        self.seconds += time.perf_counter() - began


def _named(table: HpoTable, search: _Search) -> Named:
    best = best_of(rank(search.trials, search.objectives), search.objectives)
    assert best is not None
    estimate = best.estimates[0]
    claimed = estimate.mean if math.isnan(estimate.fresh) else estimate.fresh
    covers = None
    if best.is_confirmed:
        rounding = 1e-9 * (1 + abs(claimed))
        truth = table.truth_of(best.recipe)
        covers = estimate.low - rounding <= truth <= estimate.high + rounding
    num_repeats = sum(trial.purpose == "confirm" for trial in search.trials)
    return Named(
        table.regret(best.recipe), table.optimism(claimed, best.recipe), covers, num_repeats, search.seconds
    )


def with_optuna(
    make_sampler: Callable[[int], BaseSampler],
) -> Callable[[HpoTable, Encoding, int, Sequence[int]], dict[int, Named]]:
    """Return a method that asks one of Optuna's samplers, and names what its study names.

    It has the same distributions, and is told to begin with the same recipe.
    """

    def run(table: HpoTable, encoding: Encoding, replay: int, trials: Sequence[int]) -> dict[int, Named]:
        space, look_up = table.space(encoding), Lookups(table, replay)
        default: Mapping[str, Any] = space.default_recipe(next(space.cells()))
        study = optuna.create_study(direction="maximize", sampler=make_sampler(replay))
        study.enqueue_trial(dict(default))
        known, found, seconds = distributions(space, default), {}, 0.0
        for number in range(1, max(trials) + 1):
            began = time.perf_counter()
            trial = study.ask(known)
            seconds += time.perf_counter() - began
            value = look_up(trial.params)
            began = time.perf_counter()
            study.tell(trial, value)
            seconds += time.perf_counter() - began
            if number in trials:
                best = study.best_trial
                claimed = float(study.best_value)
                found[number] = Named(
                    table.regret(best.params), table.optimism(claimed, best.params), None, 0, seconds
                )
        return found

    return run


#: All methods by name.
METHODS: dict[str, Method] = {
    "Failmap": Method(with_failmap()),
    "Failmap, repeat=0": Method(with_failmap(repeat=0)),
    "Failmap, seeds=1": Method(with_failmap(seeds=1)),
    "Failmap, sampler=gp": Method(with_failmap("gp"), most_trials=50),
    "Failmap, sampler=cmaes": Method(with_failmap("cmaes"), needs_ranges=True),
    "Optuna TPE": Method(with_optuna(lambda seed: TPESampler(seed=seed))),
    "Optuna random": Method(with_optuna(lambda seed: RandomSampler(seed=seed))),
    "Failmap, lists": Method(with_failmap(), encoding="lists"),
    "Optuna TPE, lists": Method(with_optuna(lambda seed: TPESampler(seed=seed)), encoding="lists"),
}
