"""The command that finds what a recipe that learned depends on."""

from collections.abc import Sequence
from time import monotonic

from failmap.search.commands.help import HelpPage
from failmap.search.commands.rescue import session_sections
from failmap.search.interventions.request import AblationArguments, read_session
from failmap.search.terminal.view import SafeConsole


def help_page() -> HelpPage:
    """Return the command's help."""
    return HelpPage(
        "run=NAME trial=N [KEY=VALUE ...]",
        "Find what a recipe that learned depends on: remove one thing at a time, on the same seeds. The "
        "trials belong to the run, and do not count in its map. The same command continues after an "
        "interruption.",
        [
            ("run=lstm_depth trial=12 plan=true", "what would be tried, and what it costs"),
            ("run=lstm_depth trial=12 budget.minutes=10", "for ten minutes"),
        ],
        [*session_sections(AblationArguments)],
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    started = monotonic()
    session = read_session("ablate", AblationArguments, arguments)
    # Not imported above: pandas and Optuna delay the message about a typo.
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
