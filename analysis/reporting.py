"""The files of a run's report."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from failmap.analysis.html_report.page import render
from failmap.analysis.interventions.comparisons import rescue_comparisons
from failmap.analysis.interventions.summary import rescue_csv
from failmap.analysis.load import Run, load_run
from failmap.analysis.map.edge import edge_rows
from failmap.analysis.map.failure_map import FailureMap, MapCell, build_map, nearest_words
from failmap.analysis.markdown import as_markdown
from failmap.analysis.next_steps import TrialsLeft
from failmap.analysis.plots import FIGURES, write_failure_map, write_for_papers
from failmap.analysis.table import safe_csv, safe_table
from failmap.run_folder.errors import report_write_errors
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, write_atomically


@dataclass(frozen=True)
class Report:
    """A written report, and its sources."""

    page: AnyPath
    run: Run
    failure_map: FailureMap


def build(
    folder: RunFolder,
    trials_left: TrialsLeft | None = None,
    formats: Collection[str] = (),
    refresh: int | None = None,
) -> Report:
    """Write table, picture and page of a run.

    Args:
        folder: The run's.
        trials_left: Leaves out next steps that would begin no trial; None: that is not known.
        formats: Further files to write: md, parquet, pdf, svg.
        refresh: Seconds after which the page loads itself again; None: it does not.

    Raises:
        UserError: A file of the run is corrupt, or the folder cannot be written.
    """
    run = load_run(folder)
    failure_map = build_map(run)
    page = folder.report / "index.html"
    contents: dict[str, str | bytes] = {
        "trials.csv": safe_table(run.table).to_csv(index=False),
        "cells.csv": safe_csv(cell_rows(failure_map)),
    }
    if failure_map.edge is not None:
        contents["edge.csv"] = safe_csv(edge_rows(failure_map.edge))
    if rescues := rescue_comparisons(run):
        contents["rescue.csv"] = rescue_csv(run, rescues)
    if "md" in formats:
        contents["summary.md"] = as_markdown(run, failure_map, trials_left)
    if "parquet" in formats:
        contents["cells.parquet"] = pd.DataFrame(cell_rows(failure_map)).to_parquet(index=False)
    with report_write_errors(folder.report):
        run.write_table()
        for name, content in contents.items():
            write_atomically(folder.report / name, content)
        figures = [
            write_failure_map(failure_map, folder.report / "failure_map.png"),
            *write_for_papers(failure_map, folder.report, [kind for kind in FIGURES if kind in formats]),
        ]
        beside = [*contents, *(figure.name for figure in figures)]
        write_atomically(page, render(run, failure_map, trials_left, beside, refresh))
    return Report(page, run, failure_map)


def _belief(cell: MapCell) -> dict[str, float | None]:
    """Return what the surface says of the default recipe's P(learn); nothing without a surface."""
    belief = cell.verdict.belief
    names = {"p": "p", "p_low": "low", "p_high": "high"}
    return {name: None if belief is None else getattr(belief, field) for name, field in names.items()}


def cell_rows(failure_map: FailureMap) -> list[dict[str, Any]]:
    """Return one row per cell, with the cause of most of its failed trials and the first evidence of it."""
    return [
        {
            **dict(zip(failure_map.paths, cell.labels, strict=True)),
            "state": cell.verdict.state,
            "basis": cell.verdict.basis,
            **_belief(cell),
            "learned": cell.verdict.tally.learned,
            "trials": cell.verdict.tally.trials,
            "censored": cell.verdict.tally.censored,
            "errored": cell.verdict.num_errored,
            "low": cell.verdict.interval.low,
            "high": cell.verdict.interval.high,
            "updates_to_learn": cell.updates_to_learn,
            "recipe_index": cell.verdict.best_recipe,
            "recipe": cell.recipe,
            "reason": cell.verdict.reason,
            "nearest": nearest_words(failure_map, cell),
            "cost_seconds": cell.cost_seconds,
            "cause": why.cause if (why := cell.diagnosis) else "",
            "cause_share": round(why.num_trials / why.num_failed, 4) if why else None,
            "cause_evidence": why.evidence[0].told if why and why.evidence else "",
        }
        for cell in failure_map.cells.values()
    ]
