"""The page of a run that looks for the best recipe."""

from failmap.analysis.best.leaderboard import Leaderboard, best_line
from failmap.analysis.load import Run


def render(run: Run, board: Leaderboard) -> str:
    """Return the page."""
    return f"<!doctype html><title>{run.folder.name}</title><p>{best_line(board)}</p>"
