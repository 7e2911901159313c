"""A run's result in a few sentences, made by rules from its numbers: for the page, and for a pull request."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from failmap.analysis.diagnosis import CAUSE_WORDS, FIX_WORDS
from failmap.analysis.interventions.comparisons import by_base, rescue_comparisons
from failmap.analysis.interventions.confirmation import confirmations, verdict
from failmap.analysis.interventions.edges import moved_edges
from failmap.analysis.load import CellKey, Run
from failmap.analysis.map.edge import MapEdge, RowKey, side
from failmap.analysis.map.failure_map import FailureMap, cause_counts, cause_label, counts_line
from failmap.analysis.next_steps import Step
from failmap.analysis.verdict import State
from failmap.run_folder.wording import quantity


@dataclass(frozen=True)
class Sentence:
    """One thing that a run says, and the command that goes on with it, or ''."""

    text: str
    command: str = ""


#: Maximum number of fixes that worked, and of sentences about moved edges.
_MAX_FIXES = 3


def in_words(run: Run, failure_map: FailureMap, steps: Sequence[Step]) -> list[Sentence]:
    """Return sentences: up to where it learns, why not beyond, what fixes it, and what is open.

    Args:
        run: The run.
        failure_map: Its map.
        steps: The next steps of the run.

    Returns:
        Nothing before the first trial has ended.
    """
    if not any(record.summary for record in run.cell_records):
        return []
    told = map(Sentence, (*_reach(failure_map), *_why(failure_map), *_fixes(run)))
    return [*told, *_open(failure_map, steps)]


def _reach(failure_map: FailureMap) -> Iterator[str]:
    """Yield the edge of each begun facet at its farthest and nearest, or how many cells learn and fail."""
    edge = failure_map.edge
    if edge is None or not edge.rows:
        yield f"{_upper(counts_line(failure_map))}."
        return
    by_facet = {facet: [row for row in edge.rows if row[1:] == facet] for facet in failure_map.facets}
    shown = {facet: rows for facet, rows in by_facet.items() if rows}
    for facet, rows in shown.items():
        # Where several facets have an edge, each row's words name its own.
        words = failure_map.facet_words(facet) if len(shown) == 1 else ""
        extremes = _extremes(edge, rows)
        yield f"{_upper(words)}: {_lower(extremes)}." if words else f"{extremes}."
    if edge.bent:
        yield f"In {quantity(len(edge.bent), 'row')} there is no single edge."


def _extremes(edge: MapEdge, rows: Sequence[RowKey]) -> str:
    """Return the sentence of the only row, or those of the rows that learn up to the most and the least."""
    farthest, nearest = (choose(rows, key=lambda row: edge.rows[row].middle) for choose in (max, min))
    most, least = edge.sentence(farthest), edge.sentence(nearest)
    if len(rows) == 1:
        return most
    if side(edge.rows[nearest].middle) == side(edge.rows[farthest].middle) != "inside":
        return f"{most}, and likewise in every other row that has an edge"
    others = "" if len(rows) == 2 else "; the other rows lie between"
    return f"{most}; {_lower(least)}{others}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _why(failure_map: FailureMap) -> Iterator[str]:
    """Yield the most frequent cause of cells in which trials failed, and in how many no rule names one."""
    counts = cause_counts(failure_map)
    failing = quantity(sum(counts.values()), "cell")
    unnamed = counts.pop("unknown", 0)
    if counts:
        cause, count = next(iter(counts.items()))
        words = f"{cause_label(cause)} ({count:,} of {failing} with failures)"
        yield f"Suspected most often: {words}, {CAUSE_WORDS[cause]}."
    if unnamed:
        yield f"In {unnamed:,} of {failing} with failures no rule names a cause."


def _fixes(run: Run) -> Iterator[str]:
    """Yield what rescues showed: causes that were confirmed, fixes that worked, and edges that moved."""
    rescues = rescue_comparisons(run)
    if not rescues:
        return
    cells_of_cause: dict[str, set[CellKey]] = defaultdict(set)
    for (cell, _), tried in by_base(rescues).items():
        for one in confirmations(tried):
            if one.status == "confirmed":
                cells_of_cause[one.cause].add(cell)
    for cause, cells in cells_of_cause.items():
        yield (
            f"In {quantity(len(cells), 'cell')} {cause.replace('_', ' ')} is confirmed: "
            "a fix against it works, and one against another cause does not."
        )
    cells_of_fix: dict[str, set[CellKey]] = defaultdict(set)
    for fix in rescues:
        if verdict(fix) == "works":
            cells_of_fix[fix.name].add(fix.cell)
    total = quantity(len({fix.cell for fix in rescues}), "cell")
    if cells_of_fix:
        most_first = sorted(cells_of_fix.items(), key=lambda item: -len(item[1]))[:_MAX_FIXES]
        words = [f"{FIX_WORDS.get(name, name)} (in {len(cells)})" for name, cells in most_first]
        work = "this surely works" if len(words) == 1 else "these surely work"
        yield f"Of the fixes tried in {total}, {work}: {', '.join(words)}."
    else:
        yield f"None of the fixes tried in {total} is known to work."
    for moved in moved_edges(run, rescues)[:_MAX_FIXES]:
        yield f"{moved.sentence}."


def _open(failure_map: FailureMap, steps: Sequence[Step]) -> Iterator[Sentence]:
    """Yield what is not known yet, with the command that goes on."""
    states = failure_map.states
    words: dict[State, str] = {"edge": "at the edge", "unknown": "unknown", "not_run": "not run"}
    counted = [(states[state], word) for state, word in words.items() if states[state]]
    parts = [
        f"{f'{count:,}' if index else quantity(count, 'cell')} {word}"
        for index, (count, word) in enumerate(counted)
    ]
    if parts:
        command = next((command for _, command in steps if "budget.minutes=" in command), "")
        yield Sentence(f"Not known yet: {', '.join(parts)}.", command)
