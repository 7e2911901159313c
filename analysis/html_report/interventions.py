"""The tables of interventions in the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from failmap.analysis.failure_map import FailureMap
from failmap.analysis.html_report.data import cell_display
from failmap.analysis.interventions.comparisons import (
    Comparison,
    ablation_comparisons,
    by_base,
    rescue_comparisons,
)
from failmap.analysis.interventions.confirmation import confirmations, control_lines, need, verdict
from failmap.analysis.interventions.edges import moved_edges
from failmap.analysis.load import Run
from failmap.analysis.verdict import Tally, recipe_name


@dataclass(frozen=True)
class FixRow:
    """One change that was tried, as text.

    Attributes:
        change: The change.
        before, after: Number of seeds that learned and number of seeds tried, on the same seeds.
        interval: P(learn) with the change.
        p_value: Exact paired test.
        verdict: Works, does not work, needed, open, ...
    """

    change: str
    before: str
    after: str
    interval: str
    p_value: str
    verdict: str


@dataclass(frozen=True)
class FixTable:
    """The changes that were tried on one recipe.

    Attributes:
        heading: The cell and recipe, or the trial.
        identifier: The cell's identifier in the page; None if the map has no such cell.
        findings: Sentences about the causes and from the controls.
        rows: The changes, the most promising first.
    """

    heading: str
    identifier: int | None
    findings: tuple[str, ...]
    rows: tuple[FixRow, ...]


@dataclass(frozen=True)
class Fixes:
    """The results of all interventions.

    Attributes:
        rescues: Fixes that were tried in cells that fail.
        edges: Sentences about how far a fix moved the edge of the map.
        ablations: Parts that were removed from recipes that learned.
    """

    rescues: tuple[FixTable, ...]
    edges: tuple[str, ...]
    ablations: tuple[FixTable, ...]


def fixes(run: Run, failure_map: FailureMap) -> Fixes:
    """Return the results of a run's interventions; all empty if there were none."""
    identifiers = {labels: index for index, labels in enumerate(failure_map.cells)}
    rescues = rescue_comparisons(run)
    rescue_tables = [
        FixTable(
            heading=f"{cell_display(failure_map.paths, cell)}, {recipe_name(base)}",
            identifier=identifiers.get(cell),
            findings=(
                *(
                    f"{one.cause.replace('_', ' ')} is {one.status}: {one.reason}"
                    for one in confirmations(tried)
                ),
                *control_lines(tried),
            ),
            rows=_rows(tried, verdict),
        )
        for (cell, base), tried in by_base(rescues).items()
    ]
    changes = [record.intervention for record in run.records]
    ablated = sorted({change.base for change in changes if change and change.kind == "ablation"})
    ablation_tables = [
        FixTable(
            heading=f"trial {number}, {cell_display(failure_map.paths, tried[0].cell)}",
            identifier=identifiers.get(tried[0].cell),
            findings=(),
            rows=_rows(tried, need),
        )
        for number in ablated
        if (tried := ablation_comparisons(run, number))
    ]
    edges = tuple(edge.sentence for edge in moved_edges(run, rescues))
    return Fixes(tuple(rescue_tables), edges, tuple(ablation_tables))


def _rows(tried: Sequence[Comparison], judge: Callable[[Comparison], str]) -> tuple[FixRow, ...]:
    best_first = sorted(tried, key=lambda one: one.pairs.after.interval.low, reverse=True)
    return tuple(
        FixRow(
            change=one.words,
            before=_count(one.pairs.before),
            after=_count(one.pairs.after),
            interval="{:.2f} to {:.2f}".format(*one.pairs.after.interval),
            p_value=f"{one.pairs.p_value:.3g}",
            verdict=judge(one),
        )
        for one in best_first
    )


def _count(tally: Tally) -> str:
    censored = f" ({tally.censored} censored)" if tally.censored else ""
    return f"{tally.learned} of {tally.trials}{censored}"
