"""The schedule of interventions: the next one, from the plan and the run's trials so far."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from failmap.analysis.verdict import Tally
from failmap.run_folder.records import Intervention, Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.interventions.plan import START_SHORTER, UNCHANGED, Case, Plan, Step, WarmStart
from failmap.search.space import Cell

#: Kind, cell, base and name of an intervention.
_Key = tuple[str, Cell, int, str]
#: Outcomes of a base's trial that decide its seed, or will.
_CONCLUSIVE = (None, "learned", "failed")


class TrialIndex:
    """The trials of a run, indexed by intervention and by recipe."""

    def __init__(self) -> None:
        self.num_interventions = 0
        self._tries: dict[_Key, dict[int, KnownTrial]] = defaultdict(dict)
        self._by_recipe: dict[tuple[Cell, int], list[KnownTrial]] = defaultdict(list)

    def add(self, note: KnownTrial) -> None:
        """Add a trial."""
        self._by_recipe[note.cell, note.recipe_index].append(note)
        if note.intervention is not None:
            self.num_interventions += 1
            self._tries[_key(note.intervention, note.cell)][note.seed] = note

    def trials(self, case: Case, step: Step) -> Mapping[int, KnownTrial]:
        """Return a step's trials by seed, including the base's own trials for the unchanged base."""
        own = self._tries.get((case.kind, case.cell, case.base, step.name), {})
        return {**self._base_trials(case), **own} if step.name == UNCHANGED else own

    def source(self, warm_start: WarmStart, seed: int) -> KnownTrial | None:
        """Return the trial whose weights a seed starts from, or None if it has not begun."""
        tries = self._tries.get(("donor", warm_start.cell, warm_start.recipe_index, START_SHORTER), {})
        return tries.get(warm_start.seed_for(seed))

    def tally(self, case: Case, step: Step, seeds: range) -> Tally:
        """Count the paired seeds that learned; running trials count as censored."""
        outcomes = [note.outcome for seed, note in self.trials(case, step).items() if seed in seeds]
        counted = [outcome for outcome in outcomes if outcome != "errored"]
        censored = counted.count(None) + counted.count("censored")
        return Tally(counted.count("learned"), len(counted), censored)

    def _base_trials(self, case: Case) -> dict[int, KnownTrial]:
        """Return trials of exactly the base's configuration by seed, without those that were cut short."""
        return {
            note.seed: note
            for note in self._by_recipe.get((case.cell, case.recipe_index), ())
            if note.intervention == case.intervention and note.outcome in _CONCLUSIVE
        }


def _key(intervention: Intervention, cell: Cell) -> _Key:
    return intervention.kind, cell, intervention.base, intervention.name


@dataclass(frozen=True)
class Progress:
    """The progress of a step.

    Attributes:
        tally: Seeds that learned; running trials count as censored.
        num_running: Running trials.
        num_left: Maximum number of further trials.
        is_given_up: Whether it works, with confidence, on less than half of the seeds.
    """

    tally: Tally
    num_running: int
    num_left: int
    is_given_up: bool


class InterventionSchedule:
    """Proposes the next intervention.

    Each case starts with the missing seeds of the unchanged base, followed by its steps on the same seeds. A
    step that works, with confidence, on less than half of them is given up. A fix that has worked in a cell
    comes first in the other cells of its row, to show how far it moves the map's edge. A trial that starts
    from another one's weights waits for it while others proceed.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._index = TrialIndex()
        self._next: NextTrial | None = None
        self._is_current = False

    def begin(self, note: KnownTrial) -> None:
        """Record that a trial has begun, whether or not it is an intervention."""
        self._index.add(note)
        self._is_current = False

    def end(self, note: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record that a trial has ended."""
        note.outcome, note.score = outcome, score
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
        carried = [step for step in case.carried if step.name in worked]
        moved = [step for step in own if step.name in worked]
        return [first, *moved, *carried, *(step for step in own if step.name not in worked)]

    def progress(self, case: Case, step: Step) -> Progress:
        """Return the progress of a step."""
        tally = self._index.tally(case, step, self.plan.seeds)
        trials = self._index.trials(case, step)
        is_given_up = step.name != UNCHANGED and tally.is_below_half
        missing = [seed for seed in self.plan.seeds[: step.num_seeds] if seed not in trials]
        possible = [seed for seed in missing if not self._has_no_source(step, seed)]
        num_running = sum(note.outcome is None for note in trials.values())
        return Progress(tally, num_running, 0 if is_given_up else len(possible), is_given_up)

    def is_done(self, case: Case) -> bool:
        """Return whether no trial of a case is running or left."""
        found = [self.progress(case, step) for step in self.steps(case)]
        return not any(progress.num_left or progress.num_running for progress in found)

    def cost_spent(self) -> float:
        """Relative cost of the interventions that have ended."""
        return sum(
            step.cost * (progress.tally.trials - progress.num_running)
            for _, step, progress in self._all_progress()
        )

    def cost_left(self) -> float:
        """Relative cost of those that run or may still come, at most."""
        return sum(
            step.cost * (progress.num_running + progress.num_left)
            for _, step, progress in self._all_progress()
        )

    def num_left(self) -> int:
        """How many trials may still come, at most; donors are not counted."""
        return sum(progress.num_left for _, _, progress in self._all_progress())

    def is_undecided(self) -> bool:
        """Return whether all seeds of some change ended without deciding if more than half of them learn."""
        return any(
            step.name != UNCHANGED
            and step.num_seeds > 1
            and not (progress.tally.is_above_half or progress.tally.is_below_half)
            for _, step, progress in self._all_progress()
            if progress.tally.trials
        )

    def _all_progress(self) -> Iterator[tuple[Case, Step, Progress]]:
        for case in self.plan.cases:
            for step in self.steps(case):
                yield case, step, self.progress(case, step)

    def _choose(self) -> NextTrial | None:
        cap = self.plan.max_trials
        if cap is not None and self._index.num_interventions >= cap:
            return None
        steps = [(case, step) for case in self.plan.cases for step in self.steps(case)]
        # Steps that running trials may yet make needless come last.
        steps.sort(key=lambda pair: self._may_be_given_up(*pair))
        trials = (self._next_of(case, step) for case, step in steps)
        return next((trial for trial in trials if trial is not None), None)

    def _may_be_given_up(self, case: Case, step: Step) -> bool:
        """Return whether a step would be given up if all of its running trials failed."""
        tally = self.progress(case, step).tally
        return step.name != UNCHANGED and Tally(tally.learned, tally.trials).is_below_half

    def _next_of(self, case: Case, step: Step) -> NextTrial | None:
        """Return the next trial of a step, or None if it has none or waits for its warm starts."""
        if self.progress(case, step).is_given_up:
            return None
        trials = self._index.trials(case, step)
        for seed in self.plan.seeds[: step.num_seeds]:
            if seed in trials:
                continue
            if step.warm_start is None:
                return _trial(case, step, step.changes, seed)
            source = self._index.source(step.warm_start, seed)
            if source is None:
                return _source_trial(step.warm_start, seed, step.cause)
            if source.outcome == "learned":
                weights = {"model.start_from": f"{self.plan.run}/{source.number}"}
                return _trial(case, step, {**step.changes, **weights}, seed)
        return None

    def _has_no_source(self, step: Step, seed: int) -> bool:
        """Return whether the trial that a seed should start from did not learn."""
        if step.warm_start is None:
            return False
        source = self._index.source(step.warm_start, seed)
        return source is not None and source.outcome not in (None, "learned")

    def _worked_in_row(self, case: Case) -> set[str]:
        """Return the fixes that worked in other cells of the row."""
        return {
            step.name
            for other in self.plan.cases
            if other.row == case.row and other is not case
            for step in (*other.steps, *other.carried)
            if step.is_remedy and self._has_worked(other, step)
        }

    def _has_worked(self, case: Case, step: Step) -> bool:
        """Return whether more than half of a step's seeds learned."""
        return 2 * self._index.tally(case, step, self.plan.seeds).learned > step.num_seeds


def _trial(case: Case, step: Step, changes: Mapping[str, Any], seed: int) -> NextTrial:
    intervention = Intervention(case.kind, step.name, dict(changes), case.base, step.cause)
    config = case.trial_config(changes, seed)
    return NextTrial(case.cell, case.recipe_index, dict(case.recipe), "intervene", config, intervention)


def _source_trial(start: WarmStart, seed: int, cause: str) -> NextTrial:
    intervention = Intervention("donor", START_SHORTER, {}, start.recipe_index, cause)
    config = start.config.model_copy(update={"seed": start.seed_for(seed)})
    return NextTrial(start.cell, start.recipe_index, dict(start.recipe), "intervene", config, intervention)
