"""The tables of interventions in the page."""

from collections.abc import Callable, Sequence
from typing import Any

from failmap.analysis.interventions.chains import chain_lines
from failmap.analysis.interventions.comparisons import (
    Comparison,
    ablation_comparisons,
    by_base,
    rescue_comparisons,
)
from failmap.analysis.interventions.confirmation import confirmations, control_lines, need, verdict
from failmap.analysis.interventions.edges import moved_edges
from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import FailureMap
from failmap.analysis.verdict import recipe_name
from failmap.run_folder.wording import cell_display


def fixes(run: Run, failure_map: FailureMap) -> dict[str, Any]:
    """Return the results of a run's interventions for the template; all empty if there were none.

    Returns:
        `rescues`: tables of the fixes that were tried in cells that fail; `edges`: sentences about how far a
        fix moved the edge of the map; `ablations`: tables of what was removed from recipes that learned.
    """
    identifiers = {labels: index for index, labels in enumerate(failure_map.cells)}
    rescues = rescue_comparisons(run)
    changes = [record.intervention for record in run.records]
    ablated = sorted({change.base for change in changes if change and change.kind == "ablation"})
    return {
        "rescues": [
            {
                "heading": f"{cell_display(failure_map.paths, cell)}, {recipe_name(base)}",
                "identifier": identifiers.get(cell),
                "findings": [
                    *(
                        f"{one.condition}{one.cause.replace('_', ' ')} is {one.status}: {one.reason}"
                        for one in confirmations(tried)
                    ),
                    *chain_lines(tried),
                    *control_lines(tried),
                ],
                "rows": _rows(tried, verdict),
            }
            for (cell, base), tried in by_base(rescues).items()
        ],
        "edges": [edge.sentence for edge in moved_edges(run, rescues)],
        "ablations": [
            {
                "heading": f"trial {number}, {cell_display(failure_map.paths, tried[0].cell)}",
                "identifier": identifiers.get(tried[0].cell),
                "findings": [],
                "rows": _rows(tried, need),
            }
            for number in ablated
            if (tried := ablation_comparisons(run, number))
        ],
    }


def _rows(tried: Sequence[Comparison], judge: Callable[[Comparison], str]) -> list[dict[str, str]]:
    """Return the changes as rows of text, the most promising first."""
    best_first = sorted(tried, key=lambda one: one.pairs.after.interval.low, reverse=True)
    return [
        {
            "change": one.words,
            "before": one.pairs.before.words,
            "after": one.pairs.after.words,
            "interval": "{:.2f} to {:.2f}".format(*one.pairs.after.interval),
            "p_value": f"{one.pairs.p_value:.3g}",
            "verdict": judge(one),
        }
        for one in best_first
    ]
