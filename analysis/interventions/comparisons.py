"""Comparisons of trials before and after a change, paired by their seeds."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from failmap.analysis.diagnosis import FIX_WORDS
from failmap.analysis.load import CellKey, Run
from failmap.analysis.statistics import exact_paired_test
from failmap.analysis.verdict import Tally
from failmap.run_folder.records import Intervention, Outcome, TrialRecord

#: Name of an intervention that changes nothing, for seeds that were not tried before.
AS_IT_WAS = "as_it_was"
#: Replaces a value that differs between seeds, such as the trial whose weights are taken over.
BY_SEED = "by seed"
#: If a seed was tried twice, the first of these outcomes counts.
_BY_EVIDENCE: tuple[Outcome | None, ...] = ("learned", "failed", "censored", None, "errored")


@dataclass(frozen=True)
class Pairs:
    """The outcomes on the seeds that were tried both without and with a change.

    Attributes:
        before, after: Counts over the same seeds: those of which both trials ended and neither errored.
        gained: Number of seeds that failed before and learned after. Pairs with a censored trial are left
            out.
        lost: Number of seeds that learned before and failed after.
        num_unfinished: Number of seeds tried with the change of which one trial has not ended or not begun.
        num_errored: Number of seeds of which one trial errored, which is no evidence.
    """

    before: Tally
    after: Tally
    gained: int = 0
    lost: int = 0
    num_unfinished: int = 0
    num_errored: int = 0

    @property
    def p_value(self) -> float:
        """Return the two-sided p-value of the exact paired test."""
        return exact_paired_test(self.gained, self.lost)


@dataclass(frozen=True)
class Comparison:
    """One change that was tried in one cell on one base.

    Attributes:
        cell: The cell.
        base: What was changed: the index of a recipe (rescue) or the number of a trial (ablation).
        name: Name of the fix, or description of what was removed.
        cause: Cause that the fix was chosen against; '' if none was given.
        changes: The changed settings by dotted path, those of `on_top_of` included.
        pairs: Outcomes before and after.
        num_nonfinite: Number of trials with the change that ended because something was not finite.
        on_top_of: Fixes that were in effect before and after, as in `Intervention.on_top_of`.
    """

    cell: CellKey
    base: int
    name: str
    cause: str
    changes: dict[str, Any]
    pairs: Pairs
    num_nonfinite: int = 0
    on_top_of: str = ""

    @property
    def words(self) -> str:
        """Return the name of the change in reports, after those of the fixes that it was added to."""
        names = [*filter(None, self.on_top_of.split("+")), self.name]
        return " + ".join(FIX_WORDS.get(name, name) for name in names)


#: A cell and a base within it.
_Base = tuple[CellKey, int]
_Tried = dict[_Base, list[tuple[TrialRecord, Intervention]]]
#: The trials before a change, by its base and by the fixes that the base has already.
_Before = dict[tuple[_Base, str], list[TrialRecord]]


def rescue_comparisons(run: Run) -> list[Comparison]:
    """Return every fix that was tried, in the order in which they were begun."""
    tried: _Tried = defaultdict(list)
    before: dict[_Base, list[TrialRecord]] = defaultdict(list)
    for record in run.records:
        change, cell = record.intervention, run.cell_key(record.cell)
        if change is None:
            before[cell, record.recipe_index].append(record)
        elif change.kind == "rescue" and change.name == AS_IT_WAS:
            before[cell, change.base].append(record)
        elif change.kind == "rescue":
            tried[cell, change.base].append((record, change))
    known: _Before = {(base, ""): _configured_as_first(records) for base, records in before.items()}
    for base, trials in tried.items():
        for record, change in trials:
            known.setdefault((base, change.chain), []).append(record)
    return list(_compare(tried, known))


def ablation_comparisons(run: Run, number: int) -> list[Comparison]:
    """Return everything that was removed from a trial's recipe, in the order in which it was begun.

    The trials before are all trials of the run that have the configuration of that trial except for the seed.
    """
    tried: _Tried = defaultdict(list)
    for record in run.records:
        change = record.intervention
        if change and change.kind == "ablation" and change.base == number and change.name != AS_IT_WAS:
            tried[run.cell_key(record.cell), number].append((record, change))
    if not tried:
        return []
    wanted = {_configuration(record) for record in run.records if record.number == number}
    before = [record for record in run.records if _configuration(record) in wanted]
    return list(_compare(tried, {(base, ""): before for base in tried}))


def by_base(comparisons: Iterable[Comparison]) -> dict[_Base, list[Comparison]]:
    """Return the comparisons of each cell and base."""
    grouped: dict[_Base, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        grouped[comparison.cell, comparison.base].append(comparison)
    return dict(grouped)


def pair(before: Iterable[TrialRecord], after: Iterable[TrialRecord]) -> Pairs:
    """Pair trials by seed. Seeds that were not tried with the change are left out.

    Args:
        before: Trials of one configuration with any seeds.
        after: Trials of the same configuration with one change.
    """
    old, new = _outcome_by_seed(before), _outcome_by_seed(after)
    ends = Counter((old.get(seed), outcome) for seed, outcome in new.items())
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


def _outcome_by_seed(trials: Iterable[TrialRecord]) -> dict[int, Outcome | None]:
    outcomes: dict[int, Outcome | None] = {}
    for trial in trials:
        before = outcomes.get(trial.seed, trial.outcome)
        outcomes[trial.seed] = min(before, trial.outcome, key=_BY_EVIDENCE.index)
    return outcomes


def _tally(outcomes: Iterable[Outcome | None]) -> Tally:
    counts = Counter(outcomes)
    return Tally(counts["learned"], counts.total(), counts["censored"])


def _compare(tried: _Tried, before: _Before) -> Iterator[Comparison]:
    """Yield one comparison per base and change, in the order of their first trials."""
    for base, trials in tried.items():
        by_name: dict[tuple[str, str], list[tuple[TrialRecord, Intervention]]] = defaultdict(list)
        for record, change in sorted(trials, key=lambda trial: trial[0].number):
            by_name[change.on_top_of, change.name].append((record, change))
        for (on_top_of, name), mine in by_name.items():
            summaries = [record.summary for record, _ in mine if record.summary]
            yield Comparison(
                *base,
                name=name,
                cause=next((change.cause for _, change in mine if change.cause), ""),
                changes=_common_changes([change.changes for _, change in mine]),
                pairs=pair(before.get((base, on_top_of), ()), [record for record, _ in mine]),
                num_nonfinite=sum(summary.first_nonfinite is not None for summary in summaries),
                on_top_of=on_top_of,
            )


def _common_changes(changes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the changed settings, with BY_SEED for values that differ between trials."""
    first, *others = changes
    return {
        path: value if all(other.get(path) == value for other in others) else BY_SEED
        for path, value in first.items()
    }


def _configured_as_first(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the records that have the configuration of the first trial except for the seed."""
    wanted = _configuration(min(records, key=lambda record: record.number))
    return [record for record in records if _configuration(record) == wanted]


def _configuration(record: TrialRecord) -> str:
    """Return a trial's configuration without its seed, as a string that can be compared."""
    return json.dumps({**record.config, "seed": None}, sort_keys=True)
