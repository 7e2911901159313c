"""The command that tries fixes where a run fails."""

from collections.abc import Iterator, Sequence
from time import monotonic

from pydantic import BaseModel

from failmap.search.commands.help import HelpPage, Section, field_row, group_sections, run_rows
from failmap.search.interventions.request import RescueArguments, read_session
from failmap.search.terminal.view import SafeConsole


def help_page() -> HelpPage:
    """Return the command's help."""
    return HelpPage(
        "run=NAME [cell=LABELS] [KEY=VALUE ...]",
        "Try fixes where a run fails: in each cell that fails, the fixes of its cause, one change at a time "
        "on the same seeds, and one fix of another cause as a control. The trials belong to the run, and do "
        "not count in its map. The same command continues after an interruption.",
        [
            ("run=lstm_depth plan=true", "what would be tried, and what it costs"),
            ("run=lstm_depth budget.minutes=30", "every cell that fails, for half an hour"),
            ('run=lstm_depth cell="model.depth=5,task.sequence_length=100"', "one cell"),
            ("run=lstm_depth cell=model.depth=5 seeds=8", "the cells of one row, with more seeds"),
        ],
        [*session_sections(RescueArguments)],
    )


def session_sections(arguments: type[BaseModel]) -> Iterator[Section]:
    """Yield the arguments of a session of interventions.

    Args:
        arguments: The command's own.
    """
    own = [field_row(name, field) for name, field in arguments.model_fields.items()]
    yield Section("What is tried:", [("run", "name of the run (required)"), *own])
    limits = [
        *run_rows("storage", "keep"),
        (
            "budget.minutes",
            "wall-clock minutes of this session; none: no limit (number or none; default the run's)",
        ),
        (
            "budget.trials",
            "trials that this session may start; none: no limit (whole number or none; default none)",
        ),
    ]
    yield Section("Where and for how long (the run's own limits do not change):", limits)
    yield from group_sections("cluster")


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    started = monotonic()
    session = read_session("rescue", RescueArguments, arguments)
    # Not imported above: pandas and Optuna delay the message about a typo.
    from failmap.analysis.interventions.summary import rescue_lines
    from failmap.search.interventions.rescue_plan import plan_rescue
    from failmap.search.interventions.session import intervene

    return intervene(session, plan_rescue, rescue_lines, started=started, console=SafeConsole())
