"""The files of the report of a run that looks for the best recipe."""

from dataclasses import dataclass

from failmap.analysis.best.leaderboard import Leaderboard, leaderboard_of, rows_of
from failmap.analysis.best.page import render
from failmap.analysis.load import Run, load_run
from failmap.analysis.table import safe_csv, safe_table
from failmap.run_folder.errors import report_write_errors
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, write_atomically


@dataclass(frozen=True)
class BestReport:
    """A written report, and its sources."""

    page: AnyPath
    run: Run
    leaderboard: Leaderboard


def build_best(folder: RunFolder, refresh: int | None = None) -> BestReport:
    """Write table and page of a run of goal=best.

    Args:
        folder: The run's.
        refresh: Seconds after which the page loads itself again; None: it does not.

    Raises:
        UserError: A file of the run is corrupt, or the folder cannot be written.
    """
    run = load_run(folder)
    board = leaderboard_of(run)
    page = folder.report / "index.html"
    with report_write_errors(folder.report):
        run.write_table()
        write_atomically(folder.report / "trials.csv", safe_table(run.table).to_csv(index=False))
        write_atomically(folder.report / "recipes.csv", safe_csv(rows_of(run, board)))
        write_atomically(page, render(run, board, refresh))
    return BestReport(page, run, board)
