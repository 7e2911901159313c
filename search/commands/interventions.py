"""The commands that change one thing at a time in a run's trials: `rescue` and `ablate`."""

from collections.abc import Iterator, Sequence
from time import monotonic

from pydantic import BaseModel

from failmap.search.commands.help import RUN, HelpPage, Section, group_sections, meaning, run_rows
from failmap.search.interventions.request import AblationArguments, RescueArguments, read_session
from failmap.search.terminal.view import SafeConsole


def rescue(arguments: Sequence[str]) -> int:
    """Try fixes where a run fails: in each cell that fails, the fixes of its cause, one change at a time on
    the same seeds, and one fix of another cause as a control. The trials belong to the run, and do not count
    in its map. The same command continues after an interruption.
    """
    started = monotonic()
    session = read_session("rescue", RescueArguments, arguments)
    # Not imported above: pandas and Optuna delay the message about a typo.
    from failmap.analysis.interventions.summary import rescue_lines
    from failmap.search.interventions.rescue_plan import plan_rescue
    from failmap.search.interventions.session import intervene

    return intervene(session, plan_rescue, rescue_lines, started=started, console=SafeConsole())


def rescue_help() -> HelpPage:
    """Return the help of `rescue`."""
    examples = [
        ("run=lstm_depth plan=true", "what would be tried, and what it costs"),
        ("run=lstm_depth budget.minutes=30", "every cell that fails, for half an hour"),
        ('run=lstm_depth cell="model.depth=5,task.sequence_length=100"', "one cell"),
        ("run=lstm_depth cell=model.depth=5 seeds=8", "the cells of one row, with more seeds"),
    ]
    return HelpPage(rescue, "run=NAME [cell=LABELS] [KEY=VALUE ...]", examples, [*_sections(RescueArguments)])


def ablate(arguments: Sequence[str]) -> int:
    """Find what a recipe that learned depends on: remove one thing at a time, on the same seeds. The trials
    belong to the run, and do not count in its map. The same command continues after an interruption.
    """
    started = monotonic()
    session = read_session("ablate", AblationArguments, arguments)
    # Not imported above, for the same reason.
    from failmap.analysis.interventions.summary import ablation_lines
    from failmap.search.interventions.ablations import plan_ablation
    from failmap.search.interventions.session import intervene

    return intervene(
        session,
        plan_ablation,
        lambda run: ablation_lines(run, session.arguments.trial),
        started=started,
        console=SafeConsole(),
    )


def ablate_help() -> HelpPage:
    """Return the help of `ablate`."""
    examples = [
        ("run=lstm_depth trial=12 plan=true", "what would be tried, and what it costs"),
        ("run=lstm_depth trial=12 budget.minutes=10", "for ten minutes"),
    ]
    return HelpPage(ablate, "run=NAME trial=N [KEY=VALUE ...]", examples, [*_sections(AblationArguments)])


def _sections(arguments: type[BaseModel]) -> Iterator[Section]:
    """Yield the sections of a session of interventions, whose command has arguments of its own."""
    own = [(name, meaning(field)) for name, field in arguments.model_fields.items()]
    yield Section("What is tried:", [RUN, *own])
    minutes = "wall-clock minutes of this session; none: no limit (number or none; default the run's)"
    trials = "trials that this session may start; none: no limit (whole number or none; default none)"
    limits = [*run_rows("storage", "keep"), ("budget.minutes", minutes), ("budget.trials", trials)]
    yield Section("Where and for how long (the run's own limits do not change):", limits)
    yield from group_sections("cluster")
