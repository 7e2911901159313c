"""A run's result as Markdown with its picture: for a pull request, an issue or a lab's notes."""

import html
import re
import shlex
from collections.abc import Iterable

from failmap.analysis.in_words import in_words
from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import FailureMap, MapCell, cause_label, counts_line
from failmap.analysis.next_steps import TrialsLeft, next_steps
from failmap.run_folder.errors import printable
from failmap.run_folder.provenance import SessionNote, parse_provenance
from failmap.run_folder.storage.bounded_files import read_bounded

#: Packages whose versions are named.
_PACKAGES = ("python", "torch", "ray", "optuna")


_LEGEND = (
    "k/n: seeds that learned, of those tried. **+** learns, **-** fails, **~** at the edge, **?** unknown; "
    "in parentheses what is inferred from other cells."
)
_SIGNS = {"learns": "+", "fails": "-", "edge": "~", "unknown": "?", "not_run": ""}


def as_markdown(run: Run, failure_map: FailureMap, trials_left: TrialsLeft | None = None) -> str:
    """Return the question, the result in words, the picture beside it, the map as a table, and commands.

    Args:
        run: The run.
        failure_map: Its map.
        trials_left: Leaves out next steps that would begin no trial; None: that is not known.
    """
    title = failure_map.title
    lines = [f"## {escaped(title.question)}", ""]
    lines += [f"- {escaped(line)}" for line in (*title.lines, counts_line(failure_map))]
    lines += ["", "![failure map](failure_map.png)", ""]
    for sentence in in_words(run, failure_map, next_steps(run, failure_map, trials_left)):
        command = f" To go on: {_code(sentence.command)}" if sentence.command else ""
        lines.append(f"- {escaped(sentence.text)}{command}")
    for facet in failure_map.begun_facets or failure_map.facets:
        lines += ["", *_table(failure_map, facet)]
    lines += ["", _LEGEND, "", *_how(run)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    text = printable(text)
    for character in "\\`*_[]|#~":
        text = text.replace(character, f"\\{character}")
    return html.escape(text, quote=False)


def _code(text: str) -> str:
    """Return text as code, between more backticks than it has in a row."""
    text = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _table(failure_map: FailureMap, facet: tuple[str, ...]) -> Iterable[str]:
    """Yield the lines of a facet's table, as the picture shows it: x across, y down."""
    x_axis, y_axis = failure_map.axes[:2]
    words = failure_map.facet_words(facet)
    if words:
        yield f"**{escaped(words)}**"
        yield ""
    yield _row([f"{y_axis}, by {x_axis}", *failure_map.shown_labels[0]])
    yield "|---|" + ":-:|" * len(failure_map.shown_labels[0])
    for label, cells in failure_map.rows(facet):
        yield _row([label, *map(_cell, cells)])


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(escaped(text) for text in texts)} |"


def _cell(cell: MapCell) -> str:
    verdict, tally = cell.verdict, cell.verdict.tally
    counts = f"{tally.learned}/{tally.trials}" if tally.trials else ""
    sign = _SIGNS[verdict.state]
    cause = cause_label(cell.shown_cause.cause) if cell.shown_cause else ""
    return " ".join(filter(None, [counts, f"({sign})" if verdict.is_inferred else sign, cause]))


def _how(run: Run) -> Iterable[str]:
    """Yield the commands of the run's sessions and the versions of the last one, if they are stored."""
    try:
        sessions: list[SessionNote] = parse_provenance(read_bounded(run.copy.provenance)).sessions
    except (OSError, ValueError):
        return
    yield "```"
    yield from (printable(shlex.join(session.command)) for session in sessions)
    yield "```"
    if sessions:
        versions = sessions[-1].versions
        named = ", ".join(f"{name} {versions[name]}" for name in _PACKAGES if name in versions)
        yield f"{escaped(named)}; {escaped((sessions[-1].started or '')[:10])}."
