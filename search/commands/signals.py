"""The command that prints one signal over a run's cells."""

from collections.abc import Sequence

from failmap.run_folder.errors import UserError, printable
from failmap.search.commands.arguments import read_run_arguments
from failmap.search.commands.help import STORAGE, HelpPage, Section

_TIMES = ("first", "last", "mean")


def help_page() -> HelpPage:
    """Return the command's help."""
    keys = [
        ("run", "name of the run (required)"),
        STORAGE,
        ("signal", "one of docs/signals.md that is a number, or numbers by layer (required)"),
        ("at", "which of a trial's measurements counts (first | last | mean; default first)"),
    ]
    return HelpPage(
        "run=NAME signal=NAME [storage=FOLDER] [at=first|last|mean]",
        "Print one signal over a run's cells: the median over a cell's trials, those that learned included.",
        [("run=lstm_depth signal=spread_by_layer", "a column per layer")],
        [Section("Arguments:", keys)],
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    settings = read_run_arguments(arguments, ("signal", "at"))
    at = settings.get("at", "first")
    problems = [] if "signal" in settings else ["signal=NAME is missing: docs/signals.md lists them"]
    if at not in _TIMES:
        problems.append(f"at={at}: known: {', '.join(_TIMES)}")
    if problems:
        raise UserError(*problems)
    # Not imported above: pandas delays the message about a typo.
    from failmap.analysis.load import find_run, load_run
    from failmap.analysis.signals_by_cell import signal_table

    rows = signal_table(load_run(find_run(settings["run"], settings["storage"])), settings["signal"], at)
    rows = [[printable(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
        print(f"{first.ljust(widths[0])}  {'  '.join(cells)}".rstrip())
    return 0
