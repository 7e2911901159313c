"""Every change that was tried in a run, with its trials paired to those of what was changed."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failmap.analysis.diagnosis import FIX_WORDS
from failmap.analysis.load import CellKey, Run
from failmap.analysis.statistics import exact_paired_test
from failmap.analysis.verdict import Tally
from failmap.run_folder.records import Intervention, Outcome, TrialRecord

#: Where a seed was tried twice, what tells most counts.
_TELLING: tuple[Outcome | None, ...] = ("learned", "failed", "censored", None, "errored")


@dataclass(frozen=True)
class Pairs:
    """What a change did on the seeds that were tried both without it and with it.

    Attributes:
        before, after: counts of the same seeds: those of which both trials ended, and neither errored.
        gained: seeds that failed before and learned after. A pair with a censored trial is in neither.
        lost: seeds that learned before and failed after.
        num_unfinished: seeds tried with the change, of which one of the two has not ended, or not begun.
        num_errored: seeds of which one of the two errored: no evidence.
    """

    before: Tally
    after: Tally
    gained: int = 0
    lost: int = 0
    num_unfinished: int = 0
    num_errored: int = 0

    @property
    def p_value(self) -> float:
        """Of the exact paired test, two-sided."""
        return exact_paired_test(self.gained, self.lost)


def pair(before: Iterable[TrialRecord], after: Iterable[TrialRecord]) -> Pairs:
    """Pairs trials by seed. Seeds that were not tried with the change are left out.

    Args:
        before: trials of one configuration, of any seeds.
        after: trials of the same configuration with one thing changed.
    """
    was, became = _outcomes(before), _outcomes(after)
    ends = Counter((was.get(seed), outcome) for seed, outcome in became.items())
    errored = Counter({pair: count for pair, count in ends.items() if "errored" in pair})
    unfinished = Counter({pair: count for pair, count in (ends - errored).items() if None in pair})
    counted = ends - errored - unfinished
    return Pairs(
        before=_tally(first for first, _ in counted.elements()),
        after=_tally(second for _, second in counted.elements()),
        gained=counted["failed", "learned"],
        lost=counted["learned", "failed"],
        num_unfinished=unfinished.total(),
        num_errored=errored.total(),
    )


def _outcomes(trials: Iterable[TrialRecord]) -> dict[int, Outcome | None]:
    """One outcome for each seed."""
    outcomes: dict[int, Outcome | None] = {}
    for trial in trials:
        outcome = trial.summary.outcome if trial.summary else None
        known = outcomes.get(trial.seed, outcome)
        outcomes[trial.seed] = min(known, outcome, key=_TELLING.index)
    return outcomes


def _tally(outcomes: Iterable[Outcome | None]) -> Tally:
    counts = Counter(outcomes)
    return Tally(counts["learned"], counts.total(), counts["censored"])


#: What a trial is called that changes nothing, for a seed that the trials of before lack.
AS_IT_WAS = "as_it_was"
#: Stands for a value that is another one for every seed: the trial whose weights are taken over.
BY_SEED = "by seed"
_FIX_WORDS: Mapping[str, str] = dict(FIX_WORDS.items())


@dataclass(frozen=True)
class Comparison:
    """One change, tried in one cell on one base.

    Attributes:
        cell: where.
        base: what was changed: a recipe's index (rescue), or a trial's number (ablation).
        name: of the fix, or of what was taken away.
        cause: what it was meant against, '' where nobody said.
        changes: what was set, by dotted path.
        pairs: before and after.
        num_nonfinite: trials with the change that ended because something was not finite.
    """

    cell: CellKey
    base: int
    name: str
    cause: str
    changes: dict[str, Any]
    pairs: Pairs
    num_nonfinite: int = 0

    @property
    def words(self) -> str:
        """The fix in words; what was taken away is called so already."""
        return _FIX_WORDS.get(self.name, self.name)


@dataclass(frozen=True)
class _Trial:
    """An intervention's record, whose intervention is known to be there."""

    record: TrialRecord
    intervention: Intervention


def rescue_comparisons(run: Run) -> list[Comparison]:
    """Every fix that was tried, in the order in which they were begun."""
    tried: dict[tuple[CellKey, int], list[_Trial]] = defaultdict(list)
    base_trials: dict[tuple[CellKey, int], list[TrialRecord]] = defaultdict(list)
    for record in run.records:
        change, cell = record.intervention, run.cell_key(record.cell)
        if change is None:
            base_trials[cell, record.recipe_index].append(record)
        elif change.kind == "rescue" and change.name == AS_IT_WAS:
            base_trials[cell, change.base].append(record)
        elif change.kind == "rescue":
            tried[cell, change.base].append(_Trial(record, change))
    return [
        comparison
        for place, trials in tried.items()
        for comparison in _compare(place, _of_one_configuration(base_trials[place]), trials)
    ]


def ablation_comparisons(run: Run, number: int) -> list[Comparison]:
    """Everything that was taken away from a trial's recipe, in the order in which it was begun.

    Before are all trials of the run with the very configuration of that trial but for the seed.
    """
    tried: dict[CellKey, list[_Trial]] = defaultdict(list)
    for record in run.records:
        change = record.intervention
        if change and change.kind == "ablation" and change.base == number and change.name != AS_IT_WAS:
            tried[run.cell_key(record.cell)].append(_Trial(record, change))
    if not tried:
        return []
    wanted = {_configuration(record) for record in run.records if record.number == number}
    before = [record for record in run.records if _configuration(record) in wanted]
    return [
        comparison
        for cell, trials in tried.items()
        for comparison in _compare((cell, number), before, trials)
    ]


def by_base(comparisons: Iterable[Comparison]) -> dict[tuple[CellKey, int], list[Comparison]]:
    """The comparisons of each cell and base."""
    grouped: dict[tuple[CellKey, int], list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        grouped[comparison.cell, comparison.base].append(comparison)
    return dict(grouped)


def _compare(
    place: tuple[CellKey, int], before: Sequence[TrialRecord], trials: Iterable[_Trial]
) -> Iterable[Comparison]:
    """One comparison for each name, in the order of their first trials."""
    by_name: dict[str, list[_Trial]] = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: trial.record.number):
        by_name[trial.intervention.name].append(trial)
    for name, mine in by_name.items():
        records = [trial.record for trial in mine]
        yield Comparison(
            *place,
            name=name,
            cause=next((trial.intervention.cause for trial in mine if trial.intervention.cause), ""),
            changes=_changes(trial.intervention for trial in mine),
            pairs=pair(before, records),
            num_nonfinite=sum(
                record.summary is not None and record.summary.first_nonfinite is not None
                for record in records
            ),
        )


def _of_one_configuration(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Those that were trained as the first one was, but for the seed."""
    if not records:
        return []
    wanted = _configuration(min(records, key=lambda record: record.number))
    return [record for record in records if _configuration(record) == wanted]


def _configuration(record: TrialRecord) -> str:
    """A trial's configuration less its seed, as a text that compares."""
    return json.dumps({**record.config, "seed": None}, sort_keys=True)


def _changes(interventions: Iterable[Intervention]) -> dict[str, Any]:
    """What all of them set."""
    first, *others = (intervention.changes for intervention in interventions)
    return {
        path: value if all(other.get(path) == value for other in others) else BY_SEED
        for path, value in first.items()
    }
