"""The verdicts on all cells of a map: measured by their own seeds, or inferred from their neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from failmap.analysis.map_surface import Labels, default_counts, map_beliefs
from failmap.analysis.surface.beliefs import CellBelief
from failmap.analysis.verdict import DEFAULT_RECIPE, CellVerdict, JudgedTrial, judge
from failmap.run_folder.wording import is_scale


def judge_map(
    paths: Sequence[str],
    labels: Sequence[Sequence[Any]],
    trials: Mapping[Labels, Sequence[JudgedTrial]],
    fail_after_recipes: int = 1,
) -> dict[Labels, CellVerdict]:
    """Judge every cell of a map by the rules of docs/failure_map.md.

    A cell that its own seeds decide is measured. Any other is inferred where the surface of P(learn), from
    all trials of the default recipe, is sure of its side. What is left over, in a row or column that has
    decided cells, is the edge.

    Args:
        paths: Dotted paths of the map's axes x and y, and of its facet.
        labels: The labels of each of them.
        trials: All trials of each cell that has any.
        fail_after_recipes: Recipes, the default one included, that must fail before a cell fails.
    """
    measured = {cell: judge(trials.get(cell, ()), fail_after_recipes) for cell in product(*labels)}
    beliefs = map_beliefs(paths, labels, default_counts(measured))
    begun = {cell[2:] for cell, verdict in measured.items() if verdict.tally.trials}
    # Nothing is inferred of a facet that has no trial, however sure the others are.
    verdicts = {
        cell: _inferred(verdict, beliefs[cell], fail_after_recipes)
        if beliefs and cell[2:] in begun
        else verdict
        for cell, verdict in measured.items()
    }
    return {
        cell: _at_edge(verdict) if _has_decided_neighbour(cell, verdicts, labels) else verdict
        for cell, verdict in verdicts.items()
    }


def _inferred(verdict: CellVerdict, belief: CellBelief, fail_after_recipes: int) -> CellVerdict:
    """Return a verdict with what the surface says, which decides where the cell's own seeds do not."""
    verdict = replace(verdict, belief=belief)
    side = belief.side
    # The surface knows the default recipe only: another one may learn, or must fail as well.
    is_open = fail_after_recipes > 1 or any(
        recipe.recipe_index != DEFAULT_RECIPE and recipe.may_learn for recipe in verdict.recipes
    )
    if verdict.is_decided or side is None or (side == "fails" and is_open):
        return verdict
    sure = belief.prob_above if side == "learns" else 1 - belief.prob_above
    own = f"; its own: {verdict.tally.words}" if verdict.tally.trials else ""
    reason = f"inferred from its neighbours: P(learn) is {'above' if side == 'learns' else 'below'} one half"
    return replace(verdict, state=side, basis="inferred", reason=f"{reason} with probability {sure:.3f}{own}")


def _has_decided_neighbour(
    cell: Labels, verdicts: Mapping[Labels, CellVerdict], labels: Sequence[Sequence[Any]]
) -> bool:
    """Return whether another cell of the same row or column, along an axis of numbers, is decided."""
    return any(
        verdicts[(*cell[:index], label, *cell[index + 1 :])].is_decided
        for index in range(2)
        if is_scale(labels[index])
        for label in labels[index]
    )


def _at_edge(verdict: CellVerdict) -> CellVerdict:
    """Return a verdict that says that the edge's band contains the cell, if nothing else decides it."""
    if verdict.is_decided or verdict.belief is None:
        return verdict
    low, high = verdict.belief.low, verdict.belief.high
    own = verdict.tally.words if verdict.tally.trials else "no trial"
    reason = f"in the band of the edge: P(learn) from {low:.2f} to {high:.2f} ({own})"
    return replace(
        verdict, state="edge", basis="measured" if verdict.tally.trials else "inferred", reason=reason
    )
