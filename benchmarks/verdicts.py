"""List every failed trial of a run with its curve, its course and its verdict, to be looked at one by one.

    python -m benchmarks.verdicts runs/NAME

Whoever reads the list decides whether they would sign each verdict: a map has no labels.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results_file import table
from failmap.analysis.diagnosis.course import course
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.analysis.load import Run, load_run
from failmap.run_folder.errors import UserError, run_program
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, read_history

#: Evaluations of a curve that are shown.
SHOWN = 9


def main(arguments: Sequence[str]) -> int:
    """Print the table of a run folder. Raises UserError if there is none."""
    if len(arguments) != 1:
        raise UserError("name one run folder, as in runs/lstm_depth")
    print(as_table(load_run(RunFolder(Path(arguments[0])))))
    return 0


def as_table(run: Run) -> str:
    """Return a row for each failed trial without a fix: cell, seed, scores, course, cause, evidence."""
    rows = []
    for record in run.records:
        diagnosis = run.explanations[record.number].diagnosis
        if record.outcome != "failed" or record.purpose == "intervene" or diagnosis is None:
            continue
        history = list(read_history(run.folder.trial(record.number).history))
        found = course(TrainingCurves(record, history, is_blind=False))
        evidence = diagnosis.verdict.evidence
        rows.append(
            (
                ", ".join(str(label) for label in record.cell.values()),
                str(record.recipe_index),
                str(record.number),
                _curve(history),
                found.name,
                f"{diagnosis.cause} ({diagnosis.confidence:.2f})",
                evidence[0].told if evidence else "",
            )
        )
    columns = ("cell", "recipe", "trial", "score", "course", "verdict", "evidence")
    return table(columns, sorted(rows, key=lambda row: row[:3]))


def _curve(history: Sequence[Evaluation]) -> str:
    """Return evenly spaced scores of a history, the last one among them."""
    step = max(1, len(history) // SHOWN)
    return " ".join(f"{one.score:.2f}" for one in history[::-1][::step][::-1])


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
