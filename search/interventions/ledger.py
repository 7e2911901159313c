"""What is known of each step: its trials by seed, and whether it worked."""

from collections import defaultdict
from collections.abc import Mapping

from failmap.analysis.records import Intervention
from failmap.analysis.verdict import Tally
from failmap.search.interventions.plan import AS_IT_WAS, START_SHORTER, Case, Donor, Step
from failmap.search.space import Cell
from failmap.search.wants import TrialNote

#: Of which kind, on which cell and base, by which name.
_Key = tuple[str, Cell, int, str]
#: Outcomes of a base's trial that say how its seed ends, or will.
_TELLING = (None, "learned", "failed")


class Ledger:
    """The trials that a run has, as interventions are looked up."""

    def __init__(self) -> None:
        self.num_interventions = 0
        self._tries: dict[_Key, dict[int, TrialNote]] = defaultdict(dict)
        self._by_recipe: dict[tuple[Cell, int], list[TrialNote]] = defaultdict(list)

    def add(self, note: TrialNote) -> None:
        """Takes a trial in."""
        self._by_recipe[note.cell, note.recipe_index].append(note)
        if note.intervention is not None:
            self.num_interventions += 1
            self._tries[_key(note.intervention, note.cell)][note.seed] = note

    def trials(self, case: Case, step: Step) -> Mapping[int, TrialNote]:
        """A step's trials by seed; those of the base itself are its first ones."""
        own = self._tries.get((case.kind, case.cell, case.base, step.name), {})
        return {**self._base_trials(case), **own} if step.name == AS_IT_WAS else own

    def donor_trial(self, donor: Donor, seed: int) -> TrialNote | None:
        """The trial that is trained once more, for one that starts with a seed."""
        tries = self._tries.get(("donor", donor.cell, donor.recipe_index, START_SHORTER), {})
        return tries.get(donor.seed_for(seed))

    def tally(self, case: Case, step: Step, seeds: range) -> Tally:
        """k of n among the paired seeds; those under way count as censored."""
        outcomes = [note.outcome for seed, note in self.trials(case, step).items() if seed in seeds]
        counted = [outcome for outcome in outcomes if outcome != "errored"]
        censored = counted.count(None) + counted.count("censored")
        return Tally(counted.count("learned"), len(counted), censored)

    def _base_trials(self, case: Case) -> dict[int, TrialNote]:
        """The trials of the very same configuration by seed, those left out that were cut short."""
        return {
            note.seed: note
            for note in self._by_recipe.get((case.cell, case.recipe_index), ())
            if note.intervention == case.intervention and note.outcome in _TELLING
        }


def _key(intervention: Intervention, cell: Cell) -> _Key:
    return intervention.kind, cell, intervention.base, intervention.name
