"""Every fix that was tried as one row, for other programs."""

import csv
import io
from collections.abc import Mapping, Sequence

from failmap.analysis.csv_text import safe_row
from failmap.analysis.interventions.comparisons import Comparison, by_base
from failmap.analysis.interventions.confirmation import confirmations, verdict
from failmap.analysis.load import Run
from failmap.analysis.wording import label_text

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
