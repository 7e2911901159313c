"""Reading of text tables (.csv, .tsv, also gzipped): separator and decimal sign as the file shows them."""

import csv
import gzip
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pandas as pd

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError

#: Separators by the words that `task.separator` takes.
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": r"\s+"}
_PLURALS = {"comma": "commas", "semicolon": "semicolons", "tab": "tabs", "bar": "bars", "space": "spaces"}
#: Lines from which the separator is read.
_NUM_SAMPLE_LINES = 500
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: 239,37 with a decimal comma.
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
#: 1,234,567.8, and 1.234.567,8 with a decimal comma.
_GROUPED = {
    "point": re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?"),
    "comma": re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?"),
}


def read_delimited(path: Path, config: ArrayFileConfig) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a text table.

    Returns:
        The table, and a note if it is separated or written in another way than by commas and points.

    Raises:
        TaskError: Lines do not fit the header, the first line holds no names, or the decimal sign is
            ambiguous.
    """
    lines = _first_lines(path)
    separator = config.separator if config.separator != "auto" else _find_separator(lines, config.decimal)
    has_names = _has_names(_fields([lines[0]], separator)[0], is_wide=config.layout == "wide")
    decimal: str = config.decimal
    frame = _read(path, separator, "point" if decimal == "auto" else decimal, has_names=has_names)
    if decimal == "auto":
        decimal = _find_decimal(frame, separator)
        if decimal == "comma":
            frame = _read(path, separator, decimal, has_names=has_names)
    grouped = _convert_grouped(frame, decimal)
    told = []
    if separator != ("tab" if ".tsv" in path.suffixes else "comma"):
        told.append(f"columns separated by {_PLURALS[separator]}")
    if decimal == "comma":
        told.append("decimals written with a comma")
    if grouped:
        told.append(f"thousands are grouped in {', '.join(grouped)}")
    return frame, (f"{path.name}: {', '.join(told)}",) if told else ()


def _first_lines(path: Path) -> list[str]:
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline=None) as file:
            lines = [line for line in islice(file, _NUM_SAMPLE_LINES) if line.strip()]
    except UnicodeDecodeError:
        raise TaskError("no table that can be read: it is not written in UTF-8; save it as UTF-8") from None
    if not lines:
        raise TaskError("no table that can be read: the file is empty")
    return lines


def _fields(lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == "space":
        return [line.split() for line in lines]
    return list(csv.reader(lines, delimiter=SEPARATORS[separator], skipinitialspace=True))


def _find_separator(lines: Sequence[str], decimal: str) -> str:
    """Return the separator that cuts each line into as many fields as the header.

    Among several, the one whose fields hold no other separator, then the one with most columns. A header may
    lack the name of the first column only.
    """
    best, nameless, widest = [], [], ("comma", 0)
    for priority, name in enumerate(SEPARATORS):
        rows = _fields(lines, name)
        width = len(rows[0])
        widest = max(widest, (name, width), key=lambda choice: choice[1])
        body = {len(row) for row in rows[1:]}
        is_clean = not any(re.search(r"[;\t|]", field) for row in rows for field in row)
        # A space also stands within times and names.
        key = (name != "space", is_clean, width, -priority)
        if width > 1 and body <= {width}:
            best.append((key, name))
        elif width > 1 and body == {width + 1} and name != "space":
            nameless.append((key, name))
    if best or nameless:
        return max(best or nameless)[1]
    name, width = ("comma", 1) if decimal != "comma" and widest[0] == "space" else widest
    if width == 1 and decimal == "comma":
        return "semicolon"
    for number, row in enumerate(_fields(lines, name), start=1):
        if len(row) != width:
            raise TaskError(
                f"no table that can be read: line {number} has {len(row)} fields separated by "
                f"{_PLURALS[name]}, and the header has {width}; task.separator=semicolon or another sets "
                "what separates them, task.decimal=comma how decimals are written"
            )
    return name


def _has_names(header: Sequence[str], *, is_wide: bool) -> bool:
    """Return whether the first line names the columns; a wide table may have none.

    Raises:
        TaskError: The first line holds numbers that do not count the columns.
    """
    names = [name.strip() for name in header]
    # The label of a wide table without names may be text.
    values = names[1:] if is_wide else names
    if not all(_PLAIN.fullmatch(name) or name in ("NaN", "nan", "?") for name in values) or _counts(values):
        return True
    if is_wide:
        return False
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    raise TaskError(
        f"the first line holds numbers ({shown}), and it must name the columns (task.layout=wide reads a row "
        "as a sequence, without names)"
    )


def _counts(names: Sequence[str]) -> bool:
    """Return whether names number the columns: 0, 1, 2, ... or 1, 2, 3, ..."""
    return list(names) in ([str(first + number) for number in range(len(names))] for first in (0, 1))


def _read(path: Path, separator: str, decimal: str, *, has_names: bool) -> pd.DataFrame:
    try:
        frame = pd.read_csv(
            path,
            sep=SEPARATORS[separator],
            decimal="," if decimal == "comma" else ".",
            encoding="utf-8-sig",
            skipinitialspace=True,
            low_memory=False,
            header="infer" if has_names else None,
        )
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if not found:
            raise
        expected, line, seen = found.groups()
        raise TaskError(
            f"no table that can be read: line {line} has {seen} fields, and lines before it {expected}"
        ) from None
    if not has_names:
        frame = frame.rename(columns={0: "target"})
    if not isinstance(frame.index, pd.RangeIndex):
        # Rows have one field more than the header, which names no row names.
        frame = frame.reset_index(names="Unnamed: 0")
    return frame


def _find_decimal(frame: pd.DataFrame, separator: str) -> str:
    """Return 'comma' if columns of text are numbers with a decimal comma, else 'point'."""
    is_ambiguous = False
    for _, cells in _text_columns(frame):
        forms = [
            [bool(pattern.fullmatch(cell)) for pattern in (_DECIMAL_COMMA, *_GROUPED.values(), _PLAIN)]
            for cell in cells
        ]
        if 2 * sum(map(any, forms)) < len(cells):
            continue
        if any(european or (decimal and not grouped) for decimal, grouped, european, _ in forms):
            return "comma"
        is_thousands = any(grouped and not decimal for decimal, grouped, _, _ in forms)
        is_ambiguous |= not is_thousands and any(decimal for decimal, *_ in forms)
    if is_ambiguous and separator == "comma":
        raise TaskError(
            "numbers like 1,234 may be thousands or decimals: say task.decimal=point (1234) or "
            "task.decimal=comma (1.234)"
        )
    return "comma" if is_ambiguous else "point"


def _convert_grouped(frame: pd.DataFrame, decimal: str) -> list[str]:
    """Make numbers of text columns whose thousands are grouped, as in 1,234.5; return their names."""
    pattern, (mark, sign) = _GROUPED[decimal], (",", ".") if decimal == "point" else (".", ",")
    other = _PLAIN if decimal == "point" else re.compile(f"{_DECIMAL_COMMA.pattern}|[+-]?\\d+")
    converted = []
    for name, cells in _text_columns(frame):
        if not any(pattern.fullmatch(cell) for cell in cells):
            continue
        if all(pattern.fullmatch(cell) or other.fullmatch(cell) for cell in cells):
            plain = frame[name].str.strip().str.replace(mark, "", regex=False)
            frame[name] = pd.to_numeric(plain.str.replace(sign, ".", regex=False))
            converted.append(str(name))
    return converted


def _text_columns(frame: pd.DataFrame) -> list[tuple[str, list[str]]]:
    return [
        (name, [cell.strip() for cell in frame[name].dropna().astype(str)])
        for name in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[name])
    ]
