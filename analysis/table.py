"""The table of all trials, one row each, in forms that Parquet and CSV files can hold."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from failmap.analysis.explanation import Explanation
from failmap.run_folder.records import Evaluation, TrialRecord
from failmap.run_folder.wording import label_text

#: Columns of every table and their types, in order.
COLUMNS: dict[str, str] = {
    "number": "int64",
    "seed": "Int64",
    "outcome": "string",
    "cause": "string",
    "cause_confidence": "float64",
    "cause_rule": "string",
    "cause_evidence": "string",
    "level": "string",
    "updates": "Int64",
    "seconds": "float64",
    "score": "float64",
    "best_score": "float64",
    "chance_score": "float64",
    "target_score": "float64",
    "reason": "string",
    "hopeless_at": "Int64",
    "p_learn": "float64",
    "purpose": "string",
    "recipe_index": "int64",
    "attempt": "int64",
    "metric": "string",
    "chance_metric": "float64",
    "target_metric": "float64",
    "chance_loss": "float64",
    "loss_floor": "float64",
    "num_parameters": "Int64",
    "test_metric": "float64",
    "test_score": "float64",
    "intervention": "string",
    "continues": "Int64",
}

#: Start of a text that Excel, LibreOffice and Google Sheets take for a formula (OWASP, "CSV Injection").
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")


def build_table(
    records: Sequence[TrialRecord],
    explanations: Mapping[int, Explanation],
    axis_paths: Sequence[str],
    history: Callable[[int], Sequence[Evaluation]],
    objectives: Sequence[str] = (),
) -> pd.DataFrame:
    """Return one row per trial: `COLUMNS`, then a column per axis and per setting that differs between
    trials, and `objective.NAME` for each number that the run optimises.

    An unfinished trial is listed as censored, with the values of its last evaluation. `chance_score` is 0 by
    the definition of the score. A column of settings whose values are neither all numbers nor all booleans
    contains text, in which None is 'none'. A missing entry means that the trial has no such setting.
    """
    fixed: dict[str, list[Any]] = {column: [] for column in COLUMNS}
    settings = []
    for record in records:
        explanation = explanations[record.number]
        for column, value in _fixed_values(record, explanation, history).items():
            fixed[column].append(value)
        settings.append({**record.cell, **record.recipe, **record.settings})
    columns = {column: pd.Series(fixed[column], dtype=dtype) for column, dtype in COLUMNS.items()}
    for path in (*axis_paths, *_differing_paths(settings)):
        if path not in columns:
            columns[path] = _series(settings, path)
    return pd.DataFrame(columns | _objective_columns(records, objectives))


def _objective_columns(records: Sequence[TrialRecord], objectives: Sequence[str]) -> dict[str, pd.Series]:
    """Return a column for each objective, as the best evaluation and the whole trial have it."""
    return {
        f"objective.{name}": pd.Series(
            [record.objectives[index] if record.objectives else None for record in records], dtype="float64"
        )
        for index, name in enumerate(objectives)
    }


def _fixed_values(
    record: TrialRecord, explanation: Explanation, history: Callable[[int], Sequence[Evaluation]]
) -> dict[str, Any]:
    summary = record.summary
    values: dict[str, Any] = {
        "number": record.number,
        "seed": record.seed,
        "outcome": "censored",
        "chance_score": 0.0,
        "reason": "not ended",
        "purpose": record.purpose,
        "recipe_index": record.recipe_index,
        "attempt": record.attempt,
        "intervention": record.intervention and f"{record.intervention.kind} {record.intervention.chain}",
        "continues": record.continues,
        "level": explanation.level,
    }
    if explanation.diagnosis is not None:
        verdict = explanation.diagnosis.verdict
        values |= {
            "cause": verdict.cause,
            "cause_confidence": verdict.confidence,
            "cause_rule": verdict.rule,
            "cause_evidence": verdict.evidence[0].told if verdict.evidence else None,
        }
    if summary is not None:
        values |= {column: getattr(summary, column) for column in COLUMNS if hasattr(summary, column)}
        values["outcome"] = summary.outcome or "censored"
    elif evaluations := history(record.number):
        last = evaluations[-1]
        values |= {"updates": last.update, "seconds": last.seconds, "score": last.score}
        values["best_score"] = max(one.score for one in evaluations)
    return {column: values.get(column) for column in COLUMNS}


def _differing_paths(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the paths that are missing in some trial or differ between trials, in order of appearance."""
    first: dict[str, str] = {}
    differing: dict[str, None] = {}
    for position, mapping in enumerate(settings):
        for path, value in mapping.items():
            text = repr(value)
            if path not in first:
                first[path] = text
                if position:
                    differing[path] = None
            elif first[path] != text:
                differing[path] = None
        if len(mapping) < len(first):
            differing |= dict.fromkeys(path for path in first if path not in mapping)
    return list(differing)


def _series(settings: Sequence[Mapping[str, Any]], path: str) -> pd.Series:
    values = [mapping[path] for mapping in settings if path in mapping]
    types = {type(value) for value in values}
    for dtype, allowed in (("boolean", {bool}), ("Int64", {int}), ("float64", {int, float})):
        if types and types <= allowed:
            return pd.Series([mapping.get(path) for mapping in settings], dtype=dtype)
    texts = [label_text(mapping[path]) if path in mapping else None for mapping in settings]
    return pd.Series(texts, dtype="string")


def safe_cell(value: Any) -> Any:
    """Return a value for a CSV file: text that a spreadsheet would run gets a leading apostrophe.

    Numbers are unchanged, even if they are text: -0.5 is not a formula.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def safe_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows, which have the same keys, as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for index, row in enumerate(rows):
        if index == 0:
            writer.writerow(map(safe_cell, row))
        writer.writerow(map(safe_cell, row.values()))
    return text.getvalue()


def safe_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts and column names are safe in a CSV file."""
    texts = {name: table[name].map(safe_cell) for name in table.columns if table[name].dtype == "string"}
    return table.assign(**texts).rename(columns=safe_cell)
