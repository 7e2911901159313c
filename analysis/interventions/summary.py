"""What interventions showed, in lines for a terminal or a report."""

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

#: Below this a p-value is commonly called significant.
_COMMON_LEVEL = 0.05
_HEADINGS = ("before", "after", "P(learn) after", "p")
#: What comes of a change, in the order in which it is told.
_NEED_WORDS: Mapping[Need, str] = {"needed": "fails", "not needed": "still learns", "open": "open"}
_CAUSE_WORDS: Mapping[str, str] = dict(CAUSE_WORDS.items())


def rescue_lines(run: Run) -> list[str]:
    """Cell by cell the cause, whether it is confirmed, and every fix, best first; then how far edges moved.

    Nothing where no fix was tried.
    """
    comparisons = rescue_comparisons(run)
    lines: list[str] = []
    for (cell, base), tried in by_base(comparisons).items():
        lines += [f"{_cell_words(run, cell)}, {recipe_name(base)}:", *_indented(_cell_lines(tried)), ""]
    edges = [edge.sentence for edge in moved_edges(run, comparisons)]
    if edges:
        lines += ["How far the edge of the map moved:", *_indented(edges), ""]
    return [*lines, *_cautions(comparisons)]


def ablation_lines(run: Run, number: int) -> list[str]:
    """What a trial's recipe needed, what it did not, and what is open. Nothing where nothing was tried."""
    comparisons = ablation_comparisons(run, number)
    if not comparisons:
        return []
    ordered = sorted(comparisons, key=lambda one: (list(_NEED_WORDS).index(need(one)), _promise(one)))
    rows = [(one.words, *_numbers(one.pairs), _NEED_WORDS[need(one)]) for one in ordered]
    return [
        f"Trial {number}, {_cell_words(run, comparisons[0].cell)}, with one thing changed at a time:",
        *_indented(_table([("changed to", *_HEADINGS, "verdict"), *rows])),
        "",
        *_cautions(comparisons),
    ]


def _cell_lines(tried: Sequence[Comparison]) -> Iterator[str]:
    """What was found on one base."""
    for index, found in enumerate(confirmations(tried)):
        if index == 0 or found.status == "confirmed":
            yield _confirmation_words(found)
    yield from control_lines(tried)
    best_first = sorted(tried, key=_promise, reverse=True)
    rows = [(one.words, *_numbers(one.pairs), verdict(one)) for one in best_first]
    yield from _table([("fix", *_HEADINGS, "verdict"), *rows])


def _confirmation_words(found: Confirmation) -> str:
    """'vanishing_in_depth (little of the input ...) is confirmed: ...'."""
    words = _CAUSE_WORDS.get(found.cause)
    return f"{found.cause}{f' ({words})' if words else ''} is {found.status}: {found.reason}"


def _cautions(comparisons: Sequence[Comparison]) -> list[str]:
    """How far many comparisons on few seeds are to be trusted."""
    if not comparisons:
        return []
    most = max(one.pairs.after.trials for one in comparisons)
    compared = f"{quantity(len(comparisons), 'change')} compared, each on its own"
    least = exact_paired_test(most, 0)
    if least >= _COMMON_LEVEL:
        limit = f"on {quantity(most, 'seed')} the exact paired test cannot come below p={least:.3g}"
    else:
        limit = (
            f"by chance alone up to {_COMMON_LEVEL * len(comparisons):.2g} would come to p<{_COMMON_LEVEL}"
        )
    return ["Verdicts go by the 95 % intervals of P(learn) about one half.", f"{compared}: {limit}."]


def _numbers(pairs: Pairs) -> tuple[str, ...]:
    """Counts, interval and p, as `_HEADINGS` has them."""
    low, high = pairs.after.interval
    interval = f"{low:.2f} to {high:.2f}"
    after = ", ".join([_count(pairs.after), *_left_out(pairs)])
    return _count(pairs.before), after, interval, f"{pairs.p_value:.3g}"


def _count(tally: Tally) -> str:
    """'3 of 5', '3 of 5 (1 censored)'."""
    censored = f" ({tally.censored} censored)" if tally.censored else ""
    return f"{tally.learned} of {tally.trials}{censored}"


def _left_out(pairs: Pairs) -> list[str]:
    told = ((pairs.num_unfinished, "not ended"), (pairs.num_errored, "errored"))
    return [f"{number} {words}" for number, words in told if number]


def _promise(comparison: Comparison) -> tuple[float, float]:
    """By what changes are ordered: what is sure of P(learn), then what was seen."""
    after = comparison.pairs.after
    return after.interval.low, after.share


def _cell_words(run: Run, cell: CellKey) -> str:
    pairs = zip(run.config.map_paths, cell, strict=True)
    return ", ".join(setting_display(path, label) for path, label in pairs)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


#: Columns behind those of the cell.
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


def rescue_csv(run: Run, comparisons: Sequence[Comparison]) -> str:
    """One row a fix, cell and recipe: the same seeds before and after, intervals of P(learn), and p.

    `status` is what the fixes of that cell say of the cause that this one was meant against.

    Args:
        run: names the map's paths.
        comparisons: the fixes that were tried (see `rescue_comparisons`).
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
    """Settings as words: 'model.chrono=true model.forget_bias=none'."""
    return " ".join(f"{path}={label_text(value)}" for path, value in changes.items())
