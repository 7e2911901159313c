"""Figures as files."""

from io import BytesIO
from typing import Literal

from matplotlib import rc_context
from matplotlib.figure import Figure

from failmap.run_folder.storage import AnyPath, write_atomically

#: Colours of texts, of texts that matter less, and of lines that lead the eye.
INK, FAINT, GRID = "#1d2430", "#6b7280", "#c9ced6"
DOTS_PER_INCH = 130
#: Neither when it was made nor by what: the same run gives the same bytes.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save(figure: Figure, path: AnyPath, kind: Literal["png", "svg", "pdf"] = "png") -> AnyPath:
    """Write a figure atomically, and return the path."""
    buffer = BytesIO()
    # TrueType fonts within a PDF, outlines within an SVG: both look the same everywhere.
    with rc_context({"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "failmap"}):
        figure.savefig(buffer, format=kind, metadata=_METADATA[kind])
    write_atomically(path, buffer.getvalue())
    return path
