"""Texts in CSV files: a spreadsheet runs a cell that begins like a formula, so such a one is quoted."""

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

#: What Excel, LibreOffice and Google Sheets take for a formula (OWASP, "CSV Injection").
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")


def safe_cell(value: Any) -> Any:
    """A cell as it may stand in a CSV file: text that a spreadsheet would run has an apostrophe before it.

    Numbers stay, also those that are written as text: -0.5 is no formula.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def safe_row(values: Iterable[Any]) -> list[Any]:
    """All cells of a row."""
    return [safe_cell(value) for value in values]


def safe_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts and column names may stand in a CSV file."""
    texts = {name: table[name].map(safe_cell) for name in table.columns if table[name].dtype == "string"}
    return table.assign(**texts).rename(columns=safe_cell)
