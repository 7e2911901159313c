"""The files of a run's report."""

import csv
import io
from dataclasses import dataclass

from failmap.analysis.failure_map import FailureMap, MapCell, build_map
from failmap.analysis.html_report.page import render
from failmap.analysis.interventions import rescue_comparisons, rescue_csv
from failmap.analysis.load import Run, load_run
from failmap.analysis.plots import write_failure_map
from failmap.analysis.table import safe_row, safe_table
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, write_atomically


@dataclass(frozen=True)
class Report:
    """A written report, and its sources."""

    page: AnyPath
    run: Run
    failure_map: FailureMap


def build(folder: RunFolder) -> Report:
    """Writes table, picture and report of a run.

    Raises:
        UserError: a file of the run is corrupt, or the folder cannot be written.
    """
    run = load_run(folder)
    failure_map = build_map(run)
    page = folder.report / "index.html"
    try:
        run.write_table()
        write_atomically(folder.report / "trials.csv", safe_table(run.table).to_csv(index=False))
        write_atomically(folder.report / "cells.csv", cells_csv(failure_map))
        if rescues := rescue_comparisons(run):
            write_atomically(folder.report / "rescue.csv", rescue_csv(run, rescues))
        write_failure_map(failure_map, folder.report / "failure_map.png")
        write_atomically(page, render(run, failure_map))
    except OSError as error:
        raise UserError(
            f"{error.filename or folder.report}: cannot be written: {error.strerror or error}"
        ) from None
    return Report(page, run, failure_map)


def cells_csv(failure_map: FailureMap) -> str:
    """One row a cell."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    counts = ("state", "learned", "trials", "censored", "errored", "low", "high", "recipe_index", "recipe")
    causes = ("cause", "cause_share", "cause_evidence")
    rows.writerow(safe_row((*failure_map.paths, *counts, "reason", "cost_seconds", *causes)))
    for cell in failure_map.cells.values():
        verdict, tally = cell.verdict, cell.verdict.tally
        seen = (verdict.state, tally.learned, tally.trials, tally.censored, verdict.num_errored)
        recipe = (verdict.best_recipe, cell.recipe)
        told = (verdict.reason, cell.cost_seconds, *_cause_columns(cell))
        rows.writerow(safe_row((*cell.labels, *seen, *verdict.interval, *recipe, *told)))
    return text.getvalue()


def _cause_columns(cell: MapCell) -> tuple[str, float | None, str]:
    """Return the cause of most of a cell's failed trials, their share, and the first sentence of evidence."""
    if cell.diagnosis is None:
        return "", None, ""
    share = cell.diagnosis.num_trials / cell.diagnosis.num_failed
    evidence = cell.diagnosis.evidence[0].told if cell.diagnosis.evidence else ""
    return cell.diagnosis.cause, round(share, 4), evidence
