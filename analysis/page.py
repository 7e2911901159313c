"""The report as one page of HTML: it needs no network, no server and no other file."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.curves import MAX_POINTS, short, shown_trials, trial_curves
from analysis.failure_map import FailureMap, MapCell, recipe_words
from analysis.load import Run
from analysis.next_steps import next_steps
from analysis.palette import FAILS, LEARNS, STATE_WORDS, cell_colour, unknown_colour
from analysis.records import TrialRecord
from analysis.wording import count_words, duration_text, setting_words

#: Trials whose curves a page carries at most: about 5 kB each.
MAX_TRIALS = 1500
#: Characters of config.yaml and of provenance.json that a page carries; the files have the rest.
MAX_TEXT = 200_000

_TEMPLATES = Environment(
    loader=PackageLoader("analysis"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def breakable(label: str) -> Markup:
    """A label that may be broken behind an underscore."""
    return Markup("_<wbr>").join(label.split("_"))


_TEMPLATES.filters["breakable"] = breakable


def render(run: Run, failure_map: FailureMap) -> str:
    """The page's HTML. Raises UserError where a trial's history has a corrupt line."""
    shown = set(shown_trials(failure_map, MAX_TRIALS))
    cells = list(failure_map.cells.values())
    identifiers = {cell.labels: index for index, cell in enumerate(cells)}
    data = {
        "cells": [
            {"title": cell_words(failure_map, cell), "told": told(cell), "trials": cell.numbers}
            for cell in cells
        ],
        "trials": {
            record.number: _trial(record, trial_curves(run, record) if record.number in shown else None)
            for record in run.records
        },
    }
    begun = failure_map.begun_facets or failure_map.facets
    tones = ", ".join(unknown_colour(share) for share in (0.0, 0.5, 1.0))
    return _TEMPLATES.get_template("report.html").render(
        run=run,
        map=failure_map,
        panels=[
            (
                failure_map.facet_words(facet),
                facet in begun,
                [
                    (y, [_button(failure_map, cell, identifiers[cell.labels]) for cell in row])
                    for y, row in failure_map.rows(facet)
                ],
            )
            for facet in failure_map.facets
        ],
        state_words=STATE_WORDS,
        swatches={"learns": LEARNS, "fails": FAILS, "unknown": f"linear-gradient(90deg, {tones})"},
        num_left_out=len(run.records) - len(shown),
        max_points=MAX_POINTS,
        unknown=[
            (identifiers[cell.labels], cell_words(failure_map, cell), cell.verdict.reason)
            for cell in cells
            if cell.verdict.state == "unknown"
        ],
        steps=next_steps(run, failure_map),
        files=[_text_file(run.folder.config), _text_file(run.folder.provenance)],
        data=script_safe_json(data),
        style=Markup(_source("report.css")),
        script=Markup(_source("charts.js") + _source("report.js")),
    )


def cell_words(failure_map: FailureMap, cell: MapCell) -> str:
    """A cell's labels in words: 'sequence length 20, depth 3'."""
    pairs = zip(failure_map.paths, cell.labels, strict=True)
    return ", ".join(setting_words(path, label) for path, label in pairs)


def told(cell: MapCell) -> str:
    """A cell's state and counts in words."""
    verdict, tally = cell.verdict, cell.verdict.tally
    if verdict.state == "not_run":
        cost = "" if cell.cost_seconds is None else f", estimated cost {duration_text(cell.cost_seconds)}"
        return f"not run: {verdict.reason}{cost}"
    errored = f"; {verdict.num_errored} errored" if verdict.num_errored else ""
    recipe = f"; recipe: {cell.recipe}" if cell.recipe else ""
    if verdict.state == "unknown":
        return f"unknown: {verdict.reason}{errored}{recipe}"
    low, high = verdict.interval
    censored = f", {tally.censored} censored" if tally.censored else ""
    learned = f"{tally.learned} of {count_words(tally.trials, 'seed')} learned{censored}"
    return f"{STATE_WORDS[verdict.state]}: {learned}, P(learn) from {low:.2f} to {high:.2f}{errored}{recipe}"


def script_safe_json(data: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _button(failure_map: FailureMap, cell: MapCell, identifier: int) -> dict[str, Any]:
    """What a cell's button shows."""
    verdict = cell.verdict
    low, high = verdict.interval
    notes = {
        "censored": verdict.tally.censored,
        "errored": verdict.num_errored,
        "running": verdict.num_unfinished if verdict.state == "not_run" else 0,
    }
    return {
        "identifier": identifier,
        "state": verdict.state,
        "colour": cell_colour(verdict),
        "label": f"{cell_words(failure_map, cell)}: {told(cell)}",
        "counts": f"{verdict.tally.learned}/{verdict.tally.trials}",
        "interval": f"{low:.2f} to {high:.2f}" if verdict.tally.trials else "",
        "notes": [f"{count} {word}" for word, count in notes.items() if count]
        + ([f"recipe {verdict.best_recipe}"] if verdict.best_recipe else []),
        "cost": "" if cell.cost_seconds is None else duration_text(cell.cost_seconds),
    }


def _trial(record: TrialRecord, curves: dict[str, Any] | None) -> dict[str, Any]:
    """A trial's row in the list, and its curves. Of one that has not ended the curves tell how far it is."""
    summary = record.summary
    updates = curves["update"][-1] if curves else None
    return {
        "seed": record.seed,
        "recipe": f"{record.recipe_index}: {recipe_words(record.recipe)}",
        "purpose": record.purpose,
        "outcome": (summary and summary.outcome) or "censored",
        "reason": summary.reason if summary else "not ended",
        "updates": summary.updates if summary else updates,
        "best_score": short(summary.best_score) if summary else None,
        "curves": curves,
    }


def _text_file(path: Path) -> tuple[str, str]:
    """A file's name and text, cut where it is long: the cut is told."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return path.name, "(there is none)"
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}\n... {len(text) - MAX_TEXT:,} more characters stand in the file"
    return path.name, text


def _source(name: str) -> str:
    """One of our own files that become part of the page."""
    loader = _TEMPLATES.loader
    assert loader is not None
    return loader.get_source(_TEMPLATES, name)[0]
