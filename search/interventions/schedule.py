"""Which intervention comes next: a function of the plan and of the run's trials so far."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from failmap.analysis.verdict import Tally
from failmap.run_folder.records import Intervention, Outcome
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.allocation.needs import KnownTrial
from failmap.search.interventions.plan import AS_IT_WAS, START_SHORTER, Case, Donor, Plan, Step
from failmap.search.space import Cell

#: Of which kind, on which cell and base, by which name.
_Key = tuple[str, Cell, int, str]
#: Outcomes of a base's trial that say how its seed ends, or will.
_TELLING = (None, "learned", "failed")


class Ledger:
    """The trials that a run has, as interventions are looked up."""

    def __init__(self) -> None:
        self.num_interventions = 0
        self._tries: dict[_Key, dict[int, KnownTrial]] = defaultdict(dict)
        self._by_recipe: dict[tuple[Cell, int], list[KnownTrial]] = defaultdict(list)

    def add(self, note: KnownTrial) -> None:
        """Takes a trial in."""
        self._by_recipe[note.cell, note.recipe_index].append(note)
        if note.intervention is not None:
            self.num_interventions += 1
            self._tries[_key(note.intervention, note.cell)][note.seed] = note

    def trials(self, case: Case, step: Step) -> Mapping[int, KnownTrial]:
        """A step's trials by seed; those of the base itself are its first ones."""
        own = self._tries.get((case.kind, case.cell, case.base, step.name), {})
        return {**self._base_trials(case), **own} if step.name == AS_IT_WAS else own

    def donor_trial(self, donor: Donor, seed: int) -> KnownTrial | None:
        """The trial that is trained once more, for one that starts with a seed."""
        tries = self._tries.get(("donor", donor.cell, donor.recipe_index, START_SHORTER), {})
        return tries.get(donor.seed_for(seed))

    def tally(self, case: Case, step: Step, seeds: range) -> Tally:
        """k of n among the paired seeds; those under way count as censored."""
        outcomes = [note.outcome for seed, note in self.trials(case, step).items() if seed in seeds]
        counted = [outcome for outcome in outcomes if outcome != "errored"]
        censored = counted.count(None) + counted.count("censored")
        return Tally(counted.count("learned"), len(counted), censored)

    def _base_trials(self, case: Case) -> dict[int, KnownTrial]:
        """The trials of the very same configuration by seed, those left out that were cut short."""
        return {
            note.seed: note
            for note in self._by_recipe.get((case.cell, case.recipe_index), ())
            if note.intervention == case.intervention and note.outcome in _TELLING
        }


def _key(intervention: Intervention, cell: Cell) -> _Key:
    return intervention.kind, cell, intervention.base, intervention.name


@dataclass(frozen=True)
class Progress:
    """How far a step is.

    Attributes:
        tally: k of n; those under way count as censored.
        num_running: trials under way.
        num_left: trials that may still come.
        is_given_up: it surely works on less than half of the seeds.
    """

    tally: Tally
    num_running: int
    num_left: int
    is_given_up: bool


class InterventionSchedule:
    """Says which intervention to begin next.

    Case by case: first the seeds of the base that nobody has run, then step by step, each on the same seeds.
    A step that surely works on less than half of them is given up. A fix that has worked in a cell comes
    first in the other cells of its row, so that one sees how far it moves the map's edge. A trial that is to
    start from another one's weights waits for it, and others go ahead.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._ledger = Ledger()
        self._next: NextTrial | None = None
        self._is_worked_out = False

    def begin(self, note: KnownTrial, recipe: Mapping[str, Any]) -> None:
        """A trial has begun, be it an intervention or not."""
        self._ledger.add(note)
        self._is_worked_out = False

    def end(self, note: KnownTrial, outcome: Outcome, score: float) -> None:
        """A trial has ended."""
        note.outcome, note.score = outcome, score
        self._is_worked_out = False

    def next(self) -> NextTrial | None:
        """What to begin now; None: nothing, until a trial ends."""
        if not self._is_worked_out:
            self._next = self._work_out()
            self._is_worked_out = True
        return self._next

    def steps(self, case: Case) -> list[Step]:
        """A case's steps in their order as it stands: what has worked elsewhere in its row comes first."""
        first, *own = case.steps
        worked = self._worked_beside(case)
        carried = [step for step in case.carried if step.name in worked]
        moved = [step for step in own if step.name in worked]
        return [first, *moved, *carried, *(step for step in own if step.name not in worked)]

    def progress(self, case: Case, step: Step) -> Progress:
        """How far a step is."""
        tally = self._ledger.tally(case, step, self.plan.seeds)
        trials = self._ledger.trials(case, step)
        is_given_up = step.name != AS_IT_WAS and tally.is_below_half
        missing = [seed for seed in self.plan.seeds[: step.num_seeds] if seed not in trials]
        possible = [seed for seed in missing if not self._is_without_donor(step, seed)]
        num_running = sum(note.outcome is None for note in trials.values())
        return Progress(tally, num_running, 0 if is_given_up else len(possible), is_given_up)

    def is_done(self, case: Case) -> bool:
        """Whether nothing of a case runs, or may still come."""
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
        """Whether all seeds of some change ended, and left open whether more than half of them learn."""
        return any(
            step.name != AS_IT_WAS
            and step.num_seeds > 1
            and not (progress.tally.is_above_half or progress.tally.is_below_half)
            for _, step, progress in self._all_progress()
            if progress.tally.trials
        )

    def _all_progress(self) -> Iterator[tuple[Case, Step, Progress]]:
        for case in self.plan.cases:
            for step in self.steps(case):
                yield case, step, self.progress(case, step)

    def _work_out(self) -> NextTrial | None:
        cap = self.plan.max_trials
        if cap is not None and self._ledger.num_interventions >= cap:
            return None
        places = [(case, step) for case in self.plan.cases for step in self.steps(case)]
        # What trials under way may yet make needless comes after all else.
        places.sort(key=lambda place: self._may_be_given_up(*place))
        jobs = (self._job(case, step) for case, step in places)
        return next((job for job in jobs if job is not None), None)

    def _may_be_given_up(self, case: Case, step: Step) -> bool:
        """Whether it would be if all of its trials under way failed."""
        tally = self.progress(case, step).tally
        return step.name != AS_IT_WAS and Tally(tally.learned, tally.trials).is_below_half

    def _job(self, case: Case, step: Step) -> NextTrial | None:
        """The next trial of a step; None where it has none, or waits for its donors."""
        if self.progress(case, step).is_given_up:
            return None
        trials = self._ledger.trials(case, step)
        for seed in self.plan.seeds[: step.num_seeds]:
            if seed in trials:
                continue
            if step.donor is None:
                return _trial(case, step, step.changes, seed)
            source = self._ledger.donor_trial(step.donor, seed)
            if source is None:
                return _donation(step.donor, seed, step.cause)
            if source.outcome == "learned":
                weights = {"model.start_from": f"{self.plan.run}/{source.number}"}
                return _trial(case, step, {**step.changes, **weights}, seed)
        return None

    def _is_without_donor(self, step: Step, seed: int) -> bool:
        """Whether the trial that was to be started from did not learn after all."""
        if step.donor is None:
            return False
        source = self._ledger.donor_trial(step.donor, seed)
        return source is not None and source.outcome not in (None, "learned")

    def _worked_beside(self, case: Case) -> set[str]:
        """Fixes that worked in other cells of the row."""
        return {
            step.name
            for other in self.plan.cases
            if other.row == case.row and other is not case
            for step in (*other.steps, *other.carried)
            if step.is_a_remedy and self._has_worked(other, step)
        }

    def _has_worked(self, case: Case, step: Step) -> bool:
        """Whether more than half of its seeds learned."""
        return 2 * self._ledger.tally(case, step, self.plan.seeds).learned > step.num_seeds


def _trial(case: Case, step: Step, changes: Mapping[str, Any], seed: int) -> NextTrial:
    intervention = Intervention(case.kind, step.name, dict(changes), case.base, step.cause)
    config = case.trial_config(changes, seed)
    return NextTrial(case.cell, case.recipe_index, dict(case.recipe), "intervene", config, intervention)


def _donation(donor: Donor, seed: int, cause: str) -> NextTrial:
    intervention = Intervention("donor", START_SHORTER, {}, donor.recipe_index, cause)
    config = donor.config.model_copy(update={"seed": donor.seed_for(seed)})
    return NextTrial(donor.cell, donor.recipe_index, dict(donor.recipe), "intervene", config, intervention)
