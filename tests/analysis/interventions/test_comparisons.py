import itertools
from collections.abc import Callable
from typing import Any

from failmap.analysis.interventions.comparisons import (
    BY_SEED,
    Pairs,
    ablation_comparisons,
    by_base,
    rescue_comparisons,
)
from failmap.analysis.load import Run, load_run
from failmap.analysis.verdict import Tally

MakeRun = Callable[..., Any]
TryOut = Callable[..., None]


def test_fix_is_compared_with_trials_of_its_cell(rescued_run: Run) -> None:
    tried = {(one.cell, one.name): one for one in rescue_comparisons(rescued_run)}
    cells, names = (("20", "2"), ("50", "2")), ("layer_norm", "clip")
    assert list(tried) == list(itertools.product(cells, names))
    found = tried[("20", "2"), "layer_norm"]
    assert found.pairs == Pairs(Tally(0, 5), Tally(5, 5), gained=5)
    assert found.changes == {"model.layer_norm": True}
    assert found.cause == "vanishing_in_depth"
    assert found.words == "layer norm"


def test_recipes_are_compared_separately(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    slow = {"recipe": {"train.learning_rate": 1e-4}, "recipe_index": 1}
    try_out(run, "FF")
    try_out(run, "LL", **slow, purpose="explore")
    try_out(run, "LL", name="clip", changes={"train.clip_norm": 1.0})
    try_out(run, "LF", name="clip", changes={"train.clip_norm": 1.0}, base=1, **slow)
    pairs = {
        base: one[0].pairs for (_, base), one in by_base(rescue_comparisons(load_run(run.folder))).items()
    }
    assert pairs == {
        0: Pairs(Tally(0, 2), Tally(2, 2), gained=2),
        1: Pairs(Tally(2, 2), Tally(1, 2), lost=1),
    }


def test_other_configurations_are_not_compared(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FF")
    try_out(run, "LL", seeds=[2, 3], max_updates=9000)
    try_out(run, "LLLL", name="clip", changes={"train.clip_norm": 1.0})
    (found,) = rescue_comparisons(load_run(run.folder))
    assert found.pairs == Pairs(Tally(0, 2), Tally(2, 2), gained=2, num_unfinished=2)


def test_changes_that_differ_by_seed_are_marked(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FF")
    for seed in (0, 1):
        changes = {"model.start_from": f"first/{seed}", "model.depth": 1}
        try_out(run, "L", name="start_shorter", changes=changes, seeds=[seed])
    (found,) = rescue_comparisons(load_run(run.folder))
    assert found.changes == {"model.start_from": BY_SEED, "model.depth": 1}
    assert found.pairs.gained == 2


def test_donors_and_ablations_are_no_rescue(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FF")
    try_out(run, "LL", name="start_shorter", kind="donor")
    try_out(run, "LL", name="no gradient clipping", kind="ablation")
    assert rescue_comparisons(load_run(run.folder)) == []


def test_ablation_is_compared_with_equal_configurations(make_run: MakeRun, try_out: TryOut) -> None:
    """The base may itself have been changed: here trial 2, to which layer norm was given."""
    run = make_run()
    try_out(run, "FF")
    normed = {"model.layer_norm": True}
    try_out(run, "LLL", name="layer_norm", changes=normed)
    try_out(run, "LL", name="as_it_was", changes=normed, kind="ablation", base=2, seeds=[3, 4])
    thin = normed | {"train.clip_norm": None}
    try_out(run, "FFFFF", name="no gradient clipping", changes=thin, kind="ablation", base=2)
    try_out(run, "FFFFF", name="half the width", changes=thin, kind="ablation", base=3)
    (found,) = ablation_comparisons(load_run(run.folder), 2)
    assert found.words == "no gradient clipping"
    assert found.pairs == Pairs(Tally(5, 5), Tally(0, 5), lost=5)


def test_no_ablation_of_an_unchanged_trial(rescued_run: Run) -> None:
    assert ablation_comparisons(rescued_run, 0) == []
