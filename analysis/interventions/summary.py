"""What interventions showed, as lines for a terminal and as a CSV file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from failmap.analysis.diagnosis import CAUSE_WORDS
from failmap.analysis.interventions.chains import chain_lines
from failmap.analysis.interventions.comparisons import (
    Comparison,
    Pairs,
    ablation_comparisons,
    by_base,
    rescue_comparisons,
)
from failmap.analysis.interventions.confirmation import (
    Need,
    confirmations,
    control_lines,
    need,
    verdict,
)
from failmap.analysis.interventions.edges import moved_edges
from failmap.analysis.load import Run
from failmap.analysis.statistics import exact_paired_test
from failmap.analysis.table import safe_csv
from failmap.analysis.verdict import recipe_name
from failmap.run_folder.wording import cell_display, label_text, quantity

#: p-values below this are commonly called significant.
_COMMON_LEVEL = 0.05
_HEADINGS = ("before", "after", "P(learn) after", "p")
#: What happens without the removed part, in the order of the table.
_NEED_WORDS: Mapping[Need, str] = {"needed": "fails", "not needed": "still learns", "open": "open"}


def rescue_lines(run: Run) -> list[str]:
    """Return, per cell, its causes and every fix, best first; then the edges that moved. Empty without a
    fix."""
    comparisons = rescue_comparisons(run)
    lines: list[str] = []
    for (cell, base), tried in by_base(comparisons).items():
        heading = f"{cell_display(run.config.map_paths, cell)}, {recipe_name(base)}:"
        lines += [heading, *_indented(_cell_lines(tried)), ""]
    edges = [edge.sentence for edge in moved_edges(run, comparisons)]
    if edges:
        lines += ["How far the edge of the map moved:", *_indented(edges), ""]
    return [*lines, *_cautions(comparisons)]


def ablation_lines(run: Run, number: int) -> list[str]:
    """Return what a trial's recipe needed, what it did not need, and what is open. Empty without an
    ablation."""
    comparisons = ablation_comparisons(run, number)
    if not comparisons:
        return []
    ordered = sorted(comparisons, key=lambda one: (list(_NEED_WORDS).index(need(one)), _promise(one)))
    rows = [(one.words, *_numbers(one.pairs), _NEED_WORDS[need(one)]) for one in ordered]
    cell = cell_display(run.config.map_paths, comparisons[0].cell)
    return [
        f"Trial {number}, {cell}, with one thing changed at a time:",
        *_indented(_aligned([("changed to", *_HEADINGS, "verdict"), *rows])),
        "",
        *_cautions(comparisons),
    ]


def rescue_csv(run: Run, comparisons: Sequence[Comparison]) -> str:
    """Return one row per cell, recipe and fix: the same seeds before and after, intervals of P(learn), and p.

    `status` says whether the fixes tried in that cell confirm the cause that this one was chosen against.

    Args:
        run: The run that has the paths of the map.
        comparisons: The fixes that were tried (see `rescue_comparisons`).
    """
    rows = []
    for tried in by_base(comparisons).values():
        status = {(found.on_top_of, found.cause): found.status for found in confirmations(tried)}
        for one in tried:
            pairs = one.pairs
            row = {
                **dict(zip(run.config.map_paths, one.cell, strict=True)),
                "recipe_index": one.base,
                "cause": one.cause,
                "status": status.get((one.on_top_of, one.cause), ""),
                "fix": one.name,
                "on_top_of": one.on_top_of,
                "changes": " ".join(f"{path}={label_text(value)}" for path, value in one.changes.items()),
                "learned_before": pairs.before.learned,
                "trials_before": pairs.before.trials,
                "low_before": pairs.before.interval.low,
                "high_before": pairs.before.interval.high,
                "learned_after": pairs.after.learned,
                "trials_after": pairs.after.trials,
                "low_after": pairs.after.interval.low,
                "high_after": pairs.after.interval.high,
                "gained": pairs.gained,
                "lost": pairs.lost,
                "p_value": pairs.p_value,
                "num_unfinished": pairs.num_unfinished,
                "num_errored": pairs.num_errored,
                "verdict": verdict(one),
            }
            rows.append(row)
    return safe_csv(rows)


def _cell_lines(tried: Sequence[Comparison]) -> Iterator[str]:
    """Yield the findings on one base."""
    for index, found in enumerate(confirmations(tried)):
        if index == 0 or found.status == "confirmed":
            meaning = f" ({CAUSE_WORDS[found.cause]})" if found.cause in CAUSE_WORDS else ""
            yield f"{found.condition}{found.cause}{meaning} is {found.status}: {found.reason}"
    yield from chain_lines(tried)
    yield from control_lines(tried)
    best_first = sorted(tried, key=_promise, reverse=True)
    rows = [(one.words, *_numbers(one.pairs), verdict(one)) for one in best_first]
    yield from _aligned([("fix", *_HEADINGS, "verdict"), *rows])


def _cautions(comparisons: Sequence[Comparison]) -> list[str]:
    """Return lines about how far many comparisons on few seeds can be trusted."""
    if not comparisons:
        return []
    most = max(one.pairs.after.trials for one in comparisons)
    least_p = exact_paired_test(most, 0)
    if least_p >= _COMMON_LEVEL:
        limit = f"with {quantity(most, 'seed')} the exact paired test cannot fall below p={least_p:.3g}"
    else:
        by_chance = _COMMON_LEVEL * len(comparisons)
        limit = f"by chance alone up to {by_chance:.2g} of them have p<{_COMMON_LEVEL}"
    return [
        "A verdict compares the 95 % interval of P(learn) with one half.",
        f"{quantity(len(comparisons), 'change')} compared, each separately: {limit}.",
    ]


def _numbers(pairs: Pairs) -> tuple[str, ...]:
    """Return the columns of `_HEADINGS`."""
    low, high = pairs.after.interval
    left_out = ((pairs.num_unfinished, "not ended"), (pairs.num_errored, "errored"))
    after = ", ".join([pairs.after.words, *(f"{number} {reason}" for number, reason in left_out if number)])
    return pairs.before.words, after, f"{low:.2f} to {high:.2f}", f"{pairs.p_value:.3g}"


def _promise(comparison: Comparison) -> tuple[float, float]:
    """Return the lower bound of P(learn), then the observed share, by which changes are ordered."""
    after = comparison.pairs.after
    return after.interval.low, after.share


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
