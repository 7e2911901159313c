"""What interventions showed, as lines for a terminal and as a CSV file."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from failmap.analysis.diagnosis import CAUSE_WORDS
from failmap.analysis.interventions.comparisons import (
    Comparison,
    Pairs,
    ablation_comparisons,
    by_base,
    rescue_comparisons,
)
from failmap.analysis.interventions.confirmation import (
    Confirmation,
    Need,
    confirmations,
    control_lines,
    need,
    verdict,
)
from failmap.analysis.interventions.edges import moved_edges
from failmap.analysis.load import CellKey, Run
from failmap.analysis.statistics import exact_paired_test
from failmap.analysis.table import safe_row
from failmap.analysis.verdict import Tally, recipe_name
from failmap.run_folder.wording import label_text, quantity, setting_display

#: Columns of rescue.csv, after those of the cell.
COLUMNS = (
    "recipe_index",
    "cause",
    "status",
    "fix",
    "changes",
    "learned_before",
    "trials_before",
    "low_before",
    "high_before",
    "learned_after",
    "trials_after",
    "low_after",
    "high_after",
    "gained",
    "lost",
    "p_value",
    "num_unfinished",
    "num_errored",
    "verdict",
)
#: p-values below this are commonly called significant.
_COMMON_LEVEL = 0.05
_HEADINGS = ("before", "after", "P(learn) after", "p")
#: What happens without the removed part, in the order of the table.
_NEED_WORDS: Mapping[Need, str] = {"needed": "fails", "not needed": "still learns", "open": "open"}
_CAUSE_MEANINGS: dict[str, str] = dict(CAUSE_WORDS.items())


def rescue_lines(run: Run) -> list[str]:
    """Return, per cell, its causes and every fix, best first; then the edges that moved. Empty without a
    fix."""
    comparisons = rescue_comparisons(run)
    lines: list[str] = []
    for (cell, base), tried in by_base(comparisons).items():
        lines += [f"{_cell_display(run, cell)}, {recipe_name(base)}:", *_indented(_cell_lines(tried)), ""]
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
    return [
        f"Trial {number}, {_cell_display(run, comparisons[0].cell)}, with one thing changed at a time:",
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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(safe_row((*run.config.map_paths, *COLUMNS)))
    for tried in by_base(comparisons).values():
        status = {found.cause: found.status for found in confirmations(tried)}
        for one in tried:
            pairs = one.pairs
            row = (
                *one.cell,
                one.base,
                one.cause,
                status.get(one.cause, ""),
                one.name,
                changes_text(one.changes),
                pairs.before.learned,
                pairs.before.trials,
                *pairs.before.interval,
                pairs.after.learned,
                pairs.after.trials,
                *pairs.after.interval,
                pairs.gained,
                pairs.lost,
                pairs.p_value,
                pairs.num_unfinished,
                pairs.num_errored,
                verdict(one),
            )
            writer.writerow(safe_row(row))
    return text.getvalue()


def changes_text(changes: Mapping[str, object]) -> str:
    """Return settings as text: 'model.chrono=true model.forget_bias=none'."""
    return " ".join(f"{path}={label_text(value)}" for path, value in changes.items())


def _cell_lines(tried: Sequence[Comparison]) -> Iterator[str]:
    """Yield the findings on one base."""
    for index, found in enumerate(confirmations(tried)):
        if index == 0 or found.status == "confirmed":
            yield _confirmation_line(found)
    yield from control_lines(tried)
    best_first = sorted(tried, key=_promise, reverse=True)
    rows = [(one.words, *_numbers(one.pairs), verdict(one)) for one in best_first]
    yield from _aligned([("fix", *_HEADINGS, "verdict"), *rows])


def _confirmation_line(found: Confirmation) -> str:
    """Return 'vanishing_in_depth (little of the input ...) is confirmed: ...'."""
    meaning = _CAUSE_MEANINGS.get(found.cause)
    return f"{found.cause}{f' ({meaning})' if meaning else ''} is {found.status}: {found.reason}"


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
    after = ", ".join([_count(pairs.after), *(f"{number} {reason}" for number, reason in left_out if number)])
    return _count(pairs.before), after, f"{low:.2f} to {high:.2f}", f"{pairs.p_value:.3g}"


def _count(tally: Tally) -> str:
    """Return '3 of 5', or '3 of 5 (1 censored)'."""
    censored = f" ({tally.censored} censored)" if tally.censored else ""
    return f"{tally.learned} of {tally.trials}{censored}"


def _promise(comparison: Comparison) -> tuple[float, float]:
    """Return the lower bound of P(learn), then the observed share, by which changes are ordered."""
    after = comparison.pairs.after
    return after.interval.low, after.share


def _cell_display(run: Run, cell: CellKey) -> str:
    pairs = zip(run.config.map_paths, cell, strict=True)
    return ", ".join(setting_display(path, label) for path, label in pairs)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
