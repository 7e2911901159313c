"""The page of a run that looks for the best recipe, rendered from its template."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from failmap.analysis.best.axis_charts import axis_charts
from failmap.analysis.best.charts import Chart, history_chart, objective_name
from failmap.analysis.best.dot_plots import objective_scales, ranking_rows, shown_recipes
from failmap.analysis.best.front_chart import front_chart
from failmap.analysis.best.importance import read_importances
from failmap.analysis.best.leaderboard import Leaderboard, best_line, estimate_text, number_text, recipe_text
from failmap.analysis.best.settings import ABSENT, axis_names, split_settings
from failmap.analysis.html_report.templates import TEMPLATES, run_files, script_safe_json, source
from failmap.analysis.load import Run
from failmap.run_folder.command_lines import command_line
from failmap.run_folder.wording import duration_display, least_width, quantity

#: Settings that have columns of their own; more of them stand in one column as text. A further objective
#: takes the room of three.
_MOST_COLUMNS, _ROOM_OF_OBJECTIVE = 9, 3
#: Characters of a word from which on it may be broken.
_WIDEST_WORD = 14
#: Reasons of trials without a value.
_MOST_REASONS = 5


def render(run: Run, board: Leaderboard, refresh: int | None = None) -> str:
    """Return the page. Raises UserError if importance.json is corrupt.

    Args:
        run: The run.
        board: Its ranking.
        refresh: Seconds after which the page loads itself again; None: it does not.
    """
    shown = [one.recipe for _, one in shown_recipes(board)]
    paths = run.config.axis_paths
    differing, common = split_settings(paths, shown)
    names = axis_names(paths, [one.recipe for one in board.recipes])
    rows = ranking_rows(run, board, scales := objective_scales(run, board), differing)
    is_front = len(board.objectives) > 1
    search = None if not board.recipes else front_chart(board) if is_front else history_chart(run, board)
    axes, constant = axis_charts(run, board) if board.recipes else ([], [])
    charts = [*([search] if search else []), *axes]
    return TEMPLATES.get_template("best.html").render(
        run=run,
        refresh=refresh,
        board=board,
        question=run.config.question or f"The best recipe of {run.config.space}",
        directions=[
            f"{'largest' if one.sign > 0 else 'smallest'} {one.name.replace('_', ' ')}"
            for one in board.objectives
        ],
        counts=_counts(run, board),
        summary=best_line(board),
        best_words=_best_words(board),
        absent=ABSENT,
        columns=[(objective_name(one), scale) for one, scale in zip(board.objectives, scales, strict=True)],
        setting_columns=[
            (names[path], _column_width([names[path], *(row.settings[index] for row in rows)]))
            for index, path in enumerate(differing)
        ],
        has_columns=len(differing) <= _MOST_COLUMNS - _ROOM_OF_OBJECTIVE * (len(scales) - 1),
        common=common,
        rows=rows,
        search=search,
        is_front=is_front,
        errors=_errors(run),
        importances=read_importances(run),
        axis_names=names,
        percent=_percent,
        axes=axes,
        constant=constant,
        command=_command(run),
        files=run_files(run),
        data=script_safe_json(_data(run, board, charts)),
        style=source("report.css", "best.css"),
        script=source("best.js", "reload.js"),
    )


def _counts(run: Run, board: Leaderboard) -> list[tuple[str, str, str]]:
    """Return the counts of a run: a key, the number and the words behind it."""
    outcomes = [record.outcome for record in run.cell_records]
    running, stopped, errored = (outcomes.count(one) for one in (None, "censored", "errored"))
    seconds = sum(record.summary.seconds for record in run.records if record.summary is not None)
    counts = [
        ("ended", f"{board.num_trials:,}", f"trial{'' if board.num_trials == 1 else 's'} ended"),
        (
            "recipes",
            f"{len(board.recipes):,}",
            f"recipe{'' if len(board.recipes) == 1 else 's'} with a value",
        ),
        ("confirmed", f"{sum(one.is_confirmed for one in board.recipes):,}", "confirmed on fresh seeds"),
        ("running", f"{running:,}" if running else "", "not ended"),
        ("censored", f"{stopped:,}" if stopped else "", "stopped by rank"),
        ("errored", f"{errored:,}" if errored else "", "errored"),
        ("seconds", duration_display(seconds), "of training"),
    ]
    return [count for count in counts if count[1]]


def _column_width(texts: Sequence[str]) -> int:
    """Return the width in characters in which the words of a column are not broken, unless they are long."""
    return min(max(map(least_width, texts)), _WIDEST_WORD)


def _percent(share: float) -> float:
    """Return a share as percent of a bar, which ends at all of it."""
    return round(100 * min(max(share, 0.0), 1.0), 1)


def _errors(run: Run) -> list[tuple[str, int]]:
    """Return why trials errored or ended without a value, the most frequent reasons first, with counts."""
    reasons = Counter(
        record.summary.reason
        for record in run.cell_records
        if record.summary is not None
        and (record.outcome == "errored" or (record.outcome is not None and not record.objectives))
    )
    return reasons.most_common(_MOST_REASONS)


def _best_words(board: Leaderboard) -> str:
    """Return what the recipe is called that is named."""
    if board.best is None or not board.best.is_confirmed:
        return "first"
    return "best" if len(board.objectives) == 1 else "first confirmed"


def _command(run: Run) -> str:
    """Return the command that gives the best recipe away."""
    place = [] if run.config.storage == "runs" else [f"storage={run.config.storage}"]
    return command_line("best", f"run={run.folder.name}", *place)


def _data(run: Run, board: Leaderboard, charts: list[Chart]) -> dict[str, Any]:
    """Return the texts of the marks: of recipes by index, and of trials by number."""
    marks = [mark for chart in charts for mark in chart.marks]
    recipes = {mark.recipe for mark in marks} | {one.recipe_index for _, one in shown_recipes(board)}
    trials = {mark.trial for mark in marks}
    recipe_texts = {}
    for place, one in enumerate(board.recipes, start=1):
        if one.recipe_index in recipes:
            values = "; ".join(
                f"{objective.name} {estimate_text(estimate)}"
                for objective, estimate in zip(board.objectives, one.estimates, strict=True)
            )
            seeds = quantity(len(one.numbers), "seed")
            recipe_texts[one.recipe_index] = f"place {place}, {seeds}: {values}. {recipe_text(one)}"
    trial_texts = {}
    for record in run.cell_records:
        if record.number in trials and record.outcome is not None:
            values = ", ".join(map(number_text, record.objectives)) or "no value"
            why = "a fresh seed" if record.purpose == "confirm" else "the first seed"
            how = {"errored": "errored", "censored": f"stopped by rank at {values}"}.get(
                record.outcome, values
            )
            trial_texts[record.number] = (
                f"trial {record.number}, {why} of recipe {record.recipe_index}: {how}"
            )
    return {"recipes": recipe_texts, "trials": trial_texts}
