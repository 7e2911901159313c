"""The schedule of interventions: the next one, from the plan and the run's trials so far."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from failmap.analysis.verdict import Tally
from failmap.run_folder.records import Intervention, Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.interventions.plan import (
    START_SHORTER,
    UNCHANGED,
    Case,
    Changes,
    Plan,
    Step,
    WarmStart,
    apply,
)
from failmap.search.space import Cell


@dataclass(frozen=True)
class Progress:
    """The progress of a step.

    Attributes:
        tally: Seeds that learned; running trials count as censored.
        num_running: Running trials.
        num_left: Maximum number of further trials; 0 if the step is given up.
    """

    tally: Tally
    num_running: int
    num_left: int


class InterventionSchedule:
    """Proposes the next intervention.

    Each case starts with the missing seeds of the unchanged base, followed by its steps on the same seeds. A
    step that works, with confidence, on less than half of them is given up. A fix that has worked in a cell
    comes first in the other cells of its row, to show how far it moves the map's edge. A trial that starts
    from another one's weights waits for it while others proceed.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._num_interventions = 0
        # By kind, cell, base and chain of an intervention, then by seed.
        self._tries: dict[tuple[str, Cell, int, str], dict[int, KnownTrial]] = defaultdict(dict)
        self._by_recipe: dict[tuple[Cell, int], list[KnownTrial]] = defaultdict(list)
        self._next: NextTrial | None = None
        self._is_current = False

    def begin(self, trial: KnownTrial) -> None:
        """Record that a trial has begun, whether or not it is an intervention."""
        self._by_recipe[trial.cell, trial.recipe_index].append(trial)
        if (tried := trial.intervention) is not None:
            self._num_interventions += 1
            self._tries[tried.kind, trial.cell, tried.base, tried.chain][trial.seed] = trial
        self._is_current = False

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record that a trial has ended."""
        trial.outcome, trial.score = outcome, score
        self._is_current = False

    def next(self) -> NextTrial | None:
        """Return the trial to begin now, or None if there is none until a running one ends."""
        if not self._is_current:
            self._next = self._choose()
            self._is_current = True
        return self._next

    def steps(self, case: Case) -> list[Step]:
        """Return a case's steps in their current order: those that worked elsewhere in its row come first."""
        first, *own = case.steps
        worked = self._worked_in_row(case)
        return [
            first,
            *(step for step in (*own, *case.carried) if step.name in worked),
            *(step for step in own if step.name not in worked),
        ]

    def progress(self, case: Case, step: Step) -> Progress:
        """Return the progress of a step."""
        tally = self._tally(case, step)
        trials = self._trials(case, step)
        is_given_up = step.name != UNCHANGED and tally.interval.is_below_half
        num_possible = sum(
            seed not in trials and not self._has_no_source(step, seed) for seed in self.plan.seeds_of(step)
        )
        num_running = sum(trial.outcome is None for trial in trials.values())
        return Progress(tally, num_running, 0 if is_given_up else num_possible)

    def is_done(self, case: Case) -> bool:
        """Return whether no trial of a case is running or left."""
        found = (self.progress(case, step) for step in self.steps(case))
        return not any(progress.num_left or progress.num_running for progress in found)

    def has_worked(self, case: Case, step: Step) -> bool:
        """Return whether a fix worked in its cell: on more than half of its seeds."""
        return step.is_remedy and 2 * self._tally(case, step).learned > len(self.plan.seeds_of(step))

    def cost_spent(self) -> float:
        """Relative cost of the interventions that have ended."""
        return sum(
            step.cost * (progress.tally.trials - progress.num_running)
            for step, progress in self.all_progress()
        )

    def cost_left(self) -> float:
        """Relative cost of those that run or may still come, at most."""
        return sum(
            step.cost * (progress.num_running + progress.num_left) for step, progress in self.all_progress()
        )

    def num_left(self) -> int:
        """How many trials may still come, at most; donors are not counted."""
        return sum(progress.num_left for _, progress in self.all_progress())

    def is_undecided(self) -> bool:
        """Return whether all seeds of some change ended without deciding if more than half of them learn."""
        return any(
            step.name != UNCHANGED
            and len(self.plan.seeds_of(step)) > 1
            and not (progress.tally.interval.is_above_half or progress.tally.interval.is_below_half)
            for step, progress in self.all_progress()
            if progress.tally.trials
        )

    def all_progress(self) -> Iterator[tuple[Step, Progress]]:
        """Yield each step of each case with its progress."""
        for case in self.plan.cases:
            for step in self.steps(case):
                yield step, self.progress(case, step)

    def _trials(self, case: Case, step: Step) -> Mapping[int, KnownTrial]:
        """Return a step's trials by seed, including the base's own trials for the unchanged base."""
        chain = _intervention(case, step, step.changes).chain
        own = self._tries.get((case.kind, case.cell, case.base, chain), {})
        if step.name != UNCHANGED or case.on_top_of:
            return own
        # Trials of exactly the base's configuration that decide a seed, or will.
        base = {
            trial.seed: trial
            for trial in self._by_recipe.get((case.cell, case.recipe_index), ())
            if trial.intervention == case.intervention
            and trial.purpose != "continue"
            and trial.outcome in (None, "learned", "failed")
        }
        return {**base, **own}

    def _source(self, warm_start: WarmStart, seed: int) -> KnownTrial | None:
        """Return the trial whose weights a seed starts from, or None if it has not begun."""
        tries = self._tries.get(("donor", warm_start.cell, warm_start.recipe_index, START_SHORTER), {})
        return tries.get(warm_start.seed_for(seed))

    def _tally(self, case: Case, step: Step) -> Tally:
        """Count the paired seeds that learned; running trials count as censored."""
        outcomes = Counter(
            trial.outcome for seed, trial in self._trials(case, step).items() if seed in self.plan.seeds
        )
        num_counted = outcomes.total() - outcomes["errored"]
        return Tally(outcomes["learned"], num_counted, outcomes[None] + outcomes["censored"])

    def _choose(self) -> NextTrial | None:
        cap = self.plan.max_trials
        if cap is not None and self._num_interventions >= cap:
            return None
        steps = [(case, step) for case in self.plan.cases for step in self.steps(case)]
        # Steps that running trials may yet make needless come last.
        steps.sort(key=lambda pair: self._may_be_given_up(*pair))
        trials = (self._next_of(case, step) for case, step in steps)
        return next((trial for trial in trials if trial is not None), None)

    def _may_be_given_up(self, case: Case, step: Step) -> bool:
        """Return whether a step would be given up if all of its running trials failed."""
        tally = self.progress(case, step).tally
        return step.name != UNCHANGED and Tally(tally.learned, tally.trials).interval.is_below_half

    def _next_of(self, case: Case, step: Step) -> NextTrial | None:
        """Return the next trial of a step, or None if it has none or waits for its warm starts."""
        if not self.progress(case, step).num_left:
            return None
        trials = self._trials(case, step)
        for seed in self.plan.seeds_of(step):
            if seed in trials:
                continue
            if step.warm_start is None:
                return _trial(case, step, step.changes, seed, self._end_of(case, step, seed))
            source = self._source(step.warm_start, seed)
            if source is None:
                return _source_trial(step.warm_start, seed, step.cause)
            if source.outcome == "learned":
                weights = {"model.start_from": f"{self.plan.run}/{source.number}"}
                return _trial(case, step, {**step.changes, **weights}, seed)
        return None

    def _end_of(self, case: Case, step: Step, seed: int) -> int | None:
        """Return the trial from whose end a longer training of the same seed continues, if that is kept."""
        if set(step.changes) != {"train.max_updates"} or case.intervention is not None:
            return None
        ends = (
            trial
            for trial in self._by_recipe.get((case.cell, case.recipe_index), ())
            if trial.seed == seed and trial.intervention is None and trial.final_bytes
        )
        longest = max(ends, key=lambda trial: trial.max_updates, default=None)
        is_longer = longest is not None and longest.max_updates < step.changes["train.max_updates"]
        return longest.number if longest is not None and is_longer else None

    def _has_no_source(self, step: Step, seed: int) -> bool:
        """Return whether the trial that a seed should start from did not learn."""
        if step.warm_start is None:
            return False
        source = self._source(step.warm_start, seed)
        return source is not None and source.outcome not in (None, "learned")

    def _worked_in_row(self, case: Case) -> set[str]:
        """Return the fixes that worked in other cells of the row, on more than half of their seeds."""
        return {
            step.name
            for other in self.plan.cases
            if other.row == case.row and other is not case
            for step in (*other.steps, *other.carried)
            if self.has_worked(other, step)
        }


def _trial(case: Case, step: Step, changes: Changes, seed: int, continues: int | None = None) -> NextTrial:
    config = apply(case.config, {**changes, "seed": seed})
    intervention = _intervention(case, step, changes)
    return NextTrial(
        case.cell, case.recipe_index, dict(case.recipe), "intervene", config, intervention, continues
    )


def _intervention(case: Case, step: Step, changes: Changes) -> Intervention:
    """Return what a trial of a step records; further seeds of a fix that a case continues are that fix's."""
    if case.kind == "ablation" or case.intervention is None:
        return Intervention(case.kind, step.name, changes, case.base, step.cause)
    if step.name == UNCHANGED:
        return case.intervention
    together = {**case.intervention.changes, **changes}
    return Intervention(case.kind, step.name, together, case.base, step.cause, case.on_top_of)


def _source_trial(start: WarmStart, seed: int, cause: str) -> NextTrial:
    intervention = Intervention("donor", START_SHORTER, {}, start.recipe_index, cause)
    config = start.config.model_copy(update={"seed": start.seed_for(seed)})
    return NextTrial(start.cell, start.recipe_index, dict(start.recipe), "intervene", config, intervention)
