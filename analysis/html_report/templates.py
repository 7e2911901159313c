"""What all pages are rendered with: the environment of their templates, and texts that are safe in a page."""

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from failmap.analysis.load import Run
from failmap.run_folder.errors import printable
from failmap.run_folder.storage import AnyPath
from failmap.run_folder.storage.bounded_files import read_bounded

#: Maximum number of characters of config.yaml and of provenance.json in a page.
MAX_TEXT = 200_000

_LOADER = PackageLoader("failmap.analysis")
TEMPLATES = Environment(
    loader=_LOADER,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: printable(value, "\n") if type(value) is str else value,
)


def breakable(label: str) -> Markup:
    """Return a label that may break after an underscore."""
    return Markup("_<wbr>").join(printable(label).split("_"))


TEMPLATES.filters["breakable"] = breakable


def source(*names: str) -> Markup:
    """Return the text of style sheets or scripts, one after the other."""
    return Markup("".join(_LOADER.get_source(TEMPLATES, name)[0] for name in names))


def script_safe_json(data: Any) -> Markup:
    """Return JSON for a script element, in which nothing can end the element or open a comment."""
    text = json.dumps(_all_printable(data), separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def run_files(run: Run) -> list[tuple[str, str]]:
    """Return the names and texts of a run's configuration and provenance."""
    return [_text_file(path) for path in (run.copy.config, run.copy.provenance)]


def _all_printable(data: Any) -> Any:
    """Return the same data with printable texts."""
    if isinstance(data, str):
        return printable(data)
    if isinstance(data, dict):
        return {_all_printable(key): _all_printable(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_all_printable(value) for value in data]
    return data


def _text_file(path: AnyPath) -> tuple[str, str]:
    """Return the name and the text of a file; a long text ends with a line that counts the rest."""
    try:
        text = read_bounded(path).decode("utf-8", "replace")
    except FileNotFoundError:
        return path.name, "(missing)"
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}\n... {len(text) - MAX_TEXT:,} more characters are in the file"
    return path.name, text
