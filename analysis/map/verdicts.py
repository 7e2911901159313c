"""The verdicts on all cells of a map: measured by their own seeds, or inferred from their neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from failmap.analysis.map.surface import Labels, default_counts, map_beliefs
from failmap.analysis.surface.beliefs import CellBelief
from failmap.analysis.verdict import DEFAULT_RECIPE, CellVerdict, JudgedTrial, judge
from failmap.run_folder.wording import is_scale

#: Seeds from which on a cell at the end of the map, still open, is taken for the edge.
_LEAST_SEEDS = 3


def judge_map(
    paths: Sequence[str],
    labels: Sequence[Sequence[Any]],
    trials: Mapping[Labels, Sequence[JudgedTrial]],
    fail_after_recipes: int = 1,
) -> dict[Labels, CellVerdict]:
    """Judge every cell of a map by the rules of docs/failure_map.md.

    A cell that its own seeds decide is measured. Any other is inferred where the surface of P(learn), from
    all trials of the default recipe, is sure of its side. Of what is left over, cells between one that learns
    and one that fails are the edge, and so are cells with seeds of their own that stay open beside others.

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
        cell: _at_edge(verdict) if _is_on_edge(cell, verdicts, labels) else verdict
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


def _is_on_edge(
    cell: Labels, verdicts: Mapping[Labels, CellVerdict], labels: Sequence[Sequence[Any]]
) -> bool:
    """Return whether the edge runs through a cell that nothing decides, along an axis of numbers.

    It does between a cell that learns and one that fails, and where a cell's own seeds stay open beside a
    decided one, as at the end of the map.
    """
    has_seeds = verdicts[cell].default_counts[1] >= _LEAST_SEEDS
    for index in range(2):
        if not is_scale(labels[index]):
            continue
        line = sorted(labels[index])
        states = [verdicts[(*cell[:index], label, *cell[index + 1 :])].state for label in line]
        place = line.index(cell[index])
        before, after = set(states[:place]), set(states[place + 1 :])
        if any({one, other} == {"learns", "fails"} for one in before for other in after):
            return True
        if has_seeds and {"learns", "fails"} & (before | after):
            return True
    return False


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
