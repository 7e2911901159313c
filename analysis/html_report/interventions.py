"""What interventions showed, as a page's tables show it."""

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
    """One change that was tried.

    Attributes:
        change: what it is, in words.
        before, after: learned of tried, on the same seeds.
        interval: P(learn) with the change.
        p_value: of the exact paired test.
        verdict: works, does not work, needed, open, ...
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
        heading: cell and recipe, or the trial.
        identifier: of the cell on the page; None where the map has no such cell.
        findings: sentences about the causes, and what the controls told.
        rows: the changes, the most promising first.
    """

    heading: str
    identifier: int | None
    findings: tuple[str, ...]
    rows: tuple[FixRow, ...]


@dataclass(frozen=True)
class Fixes:
    """Everything that interventions showed.

    Attributes:
        rescues: what was tried where cells fail.
        edges: sentences: how far a fix moved the edge of the map.
        ablations: what was taken away from recipes that learned.
    """

    rescues: tuple[FixTable, ...]
    edges: tuple[str, ...]
    ablations: tuple[FixTable, ...]


def fixes(run: Run, failure_map: FailureMap) -> Fixes:
    """All fixes and removable_settings of a run; empty where nothing was tried."""
    rescues = rescue_comparisons(run)
    identifiers = {labels: index for index, labels in enumerate(failure_map.cells)}
    return Fixes(
        rescues=tuple(
            FixTable(
                heading=f"{cell_display(failure_map.paths, cell)}, {recipe_name(base)}",
                identifier=identifiers.get(cell),
                findings=(
                    *(
                        f"{found.cause.replace('_', ' ')} is {found.status}: {found.reason}"
                        for found in confirmations(tried)
                    ),
                    *control_lines(tried),
                ),
                rows=_rows(tried, verdict),
            )
            for (cell, base), tried in by_base(rescues).items()
        ),
        edges=tuple(edge.sentence for edge in moved_edges(run, rescues)),
        ablations=tuple(
            FixTable(
                heading=f"trial {number}, {cell_display(failure_map.paths, tried[0].cell)}",
                identifier=identifiers.get(tried[0].cell),
                findings=(),
                rows=_rows(tried, need),
            )
            for number in _ablated(run)
            if (tried := ablation_comparisons(run, number))
        ),
    )


def _ablated(run: Run) -> list[int]:
    """The trials from whose recipes something was taken away."""
    changes = (record.intervention for record in run.records)
    return sorted({change.base for change in changes if change and change.kind == "ablation"})


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
