"""The JSON data of the page: every cell, every trial, and the curves of as many trials as it can hold."""

from collections.abc import Iterable
from typing import Any

from failmap.analysis.diagnosis import CAUSE_WORDS, FIX_WORDS, Diagnosis, Evidence, Suspicion
from failmap.analysis.diagnosis.cell import CellDiagnosis
from failmap.analysis.explanation import Explanation
from failmap.analysis.html_report.curves import Curves, short, shown_trials, trial_curves
from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import (
    FailureMap,
    MapCell,
    cause_label,
    nearest_words,
    recipe_display,
    share_words,
)
from failmap.analysis.palette import STATE_WORDS
from failmap.run_folder.records import Intervention, TrialRecord
from failmap.run_folder.wording import cell_display, duration_display, quantity

Data = dict[str, Any]


def page_data(run: Run, failure_map: FailureMap, max_trials: int) -> Data:
    """Return the cells in the order of the map and the trials by number, as JSON data.

    Args:
        run: The run.
        failure_map: Its map.
        max_trials: Maximum number of trials whose curves and evidence are included.

    Raises:
        UserError: The history of a trial has a corrupt line.
    """
    shown = set(shown_trials(failure_map, max_trials))
    return {
        "cells": [
            {
                "title": cell_display(failure_map.paths, cell.labels),
                "told": state_line(failure_map, cell),
                "why": None if cell.diagnosis is None else _why(cell.diagnosis),
                "trials": [*cell.numbers, *cell.continuations, *cell.interventions],
            }
            for cell in failure_map.cells.values()
        ],
        "trials": {
            record.number: _trial(
                record,
                run.explanations[record.number],
                trial_curves(run, record) if record.number in shown else None,
                has_evidence=record.number in shown,
            )
            for record in run.records
        },
    }


def state_line(failure_map: FailureMap, cell: MapCell) -> str:
    """Return a cell's state, counts and recipe as text, and the nearest evidence if it is inferred."""
    verdict, tally = cell.verdict, cell.verdict.tally
    if cell.is_elsewhere:
        return verdict.reason
    cost = "" if cell.cost_seconds is None else f", estimated cost {duration_display(cell.cost_seconds)}"
    if verdict.state == "not_run":
        return f"not run: {verdict.reason}{cost}"
    errored = f"; {verdict.num_errored} errored" if verdict.num_errored else ""
    recipe = f"; recipe: {cell.recipe}" if cell.recipe else ""
    if verdict.state == "unknown":
        return f"unknown: {verdict.reason}{errored}{recipe}"
    low, high = verdict.shown_interval
    censored = f", {tally.censored} censored" if tally.censored else ""
    learned = f"{tally.learned} of {quantity(tally.trials, 'seed')} learned{censored}"
    if verdict.is_measured:
        told = f"{STATE_WORDS[verdict.state]}: {learned}, P(learn) from {low:.2f} to {high:.2f}"
        return f"{told}{errored}{recipe}"
    basis = "inferred: " if verdict.is_inferred else ""
    parts = [
        f"{basis}{STATE_WORDS[verdict.state]}, P(learn) {low:.2f} to {high:.2f} from its neighbours",
        nearest_words(failure_map, cell),
        f"of its own {learned}" if tally.trials else f"not run{cost}",
    ]
    return f"{'; '.join(filter(None, parts))}{errored}{recipe}"


def _why(diagnosis: CellDiagnosis) -> Data:
    """Return the diagnosis of a cell."""
    return {
        "told": share_words(diagnosis),
        "meaning": CAUSE_WORDS[diagnosis.cause],
        "evidence": _sentences(diagnosis.evidence),
        "others": [f"{cause_label(cause)} ({count:,})" for cause, count in diagnosis.others],
        "differences": list(diagnosis.differences),
    }


def _trial(
    record: TrialRecord, explanation: Explanation, curves: Curves | None, *, has_evidence: bool
) -> Data:
    """Return a trial's row and its curves, which also show the progress of a trial that has not ended."""
    summary = record.summary
    diagnosis = explanation.diagnosis
    updates = curves["update"][-1] if curves else None
    return {
        "seed": record.seed,
        "recipe": f"{record.recipe_index}: {recipe_display(record.recipe)}",
        "purpose": _purpose(record),
        "outcome": (summary and summary.outcome) or "censored",
        "reason": summary.reason if summary else "not ended",
        "cause": None if diagnosis is None else _cause(diagnosis, has_evidence=has_evidence),
        "level": explanation.level,
        "level_told": explanation.level_told if has_evidence else "",
        "updates": summary.updates if summary else updates,
        "best_score": short(summary.best_score) if summary else None,
        "curves": curves,
    }


def _purpose(record: TrialRecord) -> str:
    if record.intervention:
        return _intervention_display(record.intervention)
    return record.purpose if record.continues is None else f"continues trial {record.continues}"


def _intervention_display(intervention: Intervention) -> str:
    """Return an intervention as text: 'rescue: layer norm, against vanishing in depth'."""
    chain = intervention.chain.split("+") if intervention.on_top_of else [intervention.name]
    name = " + ".join(FIX_WORDS.get(one, one.replace("_", " ")) for one in chain)
    against = f", against {intervention.cause.replace('_', ' ')}" if intervention.cause else ""
    return f"{intervention.kind}: {name}{against}"


def _cause(diagnosis: Diagnosis, *, has_evidence: bool) -> Data | None:
    """Return the diagnosis of a trial, or None if nothing is suspected."""
    verdict = diagnosis.verdict
    if verdict.cause == "none" and not diagnosis.runners_up:
        return None
    label = {"label": "none" if verdict.cause == "none" else _with_confidence(verdict)}
    if not has_evidence:
        return label
    return {
        **label,
        "rule": verdict.rule,
        "evidence": _sentences(verdict.evidence),
        "others": [_with_confidence(suspicion) for suspicion in diagnosis.runners_up],
    }


def _with_confidence(suspicion: Suspicion) -> str:
    return f"{cause_label(suspicion.cause)} ({100 * suspicion.confidence:.0f} %)"


def _sentences(evidence: Iterable[Evidence]) -> list[str]:
    """Return each observation with its layer and update: 'the gradient fades (layers.0, update 500)'."""
    sentences = []
    for one in evidence:
        update = None if one.update is None else f"update {one.update:,}"
        context = [part for part in (one.layer, update) if part is not None and part not in one.told]
        sentences.append(f"{one.told} ({', '.join(context)})" if context else one.told)
    return sentences
