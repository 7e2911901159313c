"""What the terminal and the report say of interventions."""

from collections.abc import Callable
from typing import Any

from failmap.analysis.diagnosis import CAUSE_WORDS
from failmap.analysis.interventions import ablation_lines, rescue_lines
from failmap.analysis.load import Run, load_run

MakeRun = Callable[..., Any]
TryOut = Callable[..., None]


def test_a_rescue_is_told_cell_by_cell_and_then_edge_by_edge(rescued_run: Run) -> None:
    assert rescue_lines(rescued_run) == [
        "sequence length 20, depth 2, the default recipe:",
        f"  vanishing_in_depth ({CAUSE_WORDS['vanishing_in_depth']}) is confirmed: "
        "works: layer norm, against it; does not work: gradient clipping, against another cause",
        "  fix                before  after   P(learn) after  p       verdict",
        "  layer norm         0 of 5  5 of 5  0.57 to 1.00    0.0625  works",
        "  gradient clipping  0 of 5  0 of 5  0.00 to 0.43    1       does not work",
        "",
        "sequence length 50, depth 2, the default recipe:",
        f"  vanishing_in_depth ({CAUSE_WORDS['vanishing_in_depth']}) is suspected: "
        "does not work: layer norm, against it; no fix against another cause was seen to work",
        "  fix                before  after   P(learn) after  p  verdict",
        "  layer norm         0 of 5  0 of 5  0.00 to 0.43    1  does not work",
        "  gradient clipping  0 of 5  0 of 5  0.00 to 0.43    1  does not work",
        "",
        "How far the edge of the map moved:",
        "  layer norm: at depth 2 it learns up to sequence length 20 instead of 5; 5 of 5 seeds at 20, "
        "was 0 of 5 (exact paired test: p=0.0625)",
        "",
        "Verdicts go by the 95 % intervals of P(learn) about one half.",
        "4 changes compared, each on its own: on 5 seeds the exact paired test cannot come below p=0.0625.",
    ]


def test_many_comparisons_on_many_seeds_are_told_to_bring_small_p_by_chance(
    make_run: MakeRun, try_out: TryOut
) -> None:
    run = make_run()
    try_out(run, "FFFFFF")
    for name in ("clip", "warmup", "lower_rate", "orthogonal"):
        try_out(run, "FFFFFF", name=name, cause="exploding_gradient")
    assert rescue_lines(load_run(run.folder))[-1] == (
        "4 changes compared, each on its own: by chance alone up to 0.2 would come to p<0.05."
    )


def test_the_best_fix_stands_first_and_a_control_tells_why(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FFFF")
    try_out(run, "FFLF", name="mixed_lengths", cause="no_signal")
    try_out(run, "LLLL", name="every_step_labels", cause="no_signal")
    _, suspected, control, _, first, second, *_ = rescue_lines(load_run(run.folder))
    assert "is suspected: whether a fix against it works is open" in suspected
    assert "the capacity suffices" in control
    assert "a label at every step" in first
    assert "mixed lengths" in second


def test_what_is_left_out_of_the_counts_is_told(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FFFFF")
    try_out(run, "LLC.E", name="clip", changes={"train.clip_norm": 1.0}, cause="exploding_gradient")
    told = "\n".join(rescue_lines(load_run(run.folder)))
    assert "0 of 3" in told
    assert "2 of 3 (1 censored), 1 not ended, 1 errored" in told


def test_an_ablation_tells_what_was_needed_and_what_was_not(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "LLLLL")
    taken = {"kind": "ablation", "base": 0}
    try_out(run, "FFFFF", name="no gradient clipping", changes={"train.clip_norm": None}, **taken)
    try_out(run, "LLLLL", name="half the width", changes={"model.hidden_size": 16}, **taken)
    try_out(run, "LLLFF", name="one layer less", changes={"model.depth": 1}, **taken)
    assert ablation_lines(load_run(run.folder), 0) == [
        "Trial 0, sequence length 5, depth 1, with one thing changed at a time:",
        "  changed to            before  after   P(learn) after  p       verdict",
        "  no gradient clipping  5 of 5  0 of 5  0.00 to 0.43    0.0625  fails",
        "  half the width        5 of 5  5 of 5  0.57 to 1.00    1       still learns",
        "  one layer less        5 of 5  3 of 5  0.23 to 0.88    0.5     open",
        "",
        "Verdicts go by the 95 % intervals of P(learn) about one half.",
        "3 changes compared, each on its own: on 5 seeds the exact paired test cannot come below p=0.0625.",
    ]


def test_nothing_is_told_where_nothing_was_tried(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FF")
    loaded = load_run(run.folder)
    assert rescue_lines(loaded) == ablation_lines(loaded, 0) == []
