"""The command that continues a run."""

from collections.abc import Sequence
from time import monotonic

from failmap.run_folder.command_lines import program
from failmap.search.commands.help import HelpPage, Section, group_sections, run_rows
from failmap.search.input_checks import check_device, check_files, check_weights
from failmap.search.loading import from_yaml, locate, resume_config
from failmap.search.terminal.view import SafeConsole


def help_page() -> HelpPage:
    """Return the command's help."""
    keys = [
        ("run", "name of the run (required)"),
        *run_rows("storage", "keep"),
        ("journal", "the run's database again, with its password, which is stored nowhere"),
    ]
    return HelpPage(
        "run=NAME [KEY=VALUE ...]",
        "Continue a run: finished trials stay, interrupted ones continue from their checkpoints. Further "
        "values may be added to an axis. Any other difference would make it another run.",
        [
            ("run=lstm_depth", "with what is left of the run's budget"),
            ("run=lstm_depth budget.minutes=30 budget.facets=none", "for half an hour, in all facets"),
            ("run=lstm_depth train.learning_rate=3e-3,1e-3,1e-2,3e-2", "with more learning rates"),
        ],
        [
            Section("What may change, besides further values on an axis:", keys),
            *group_sections("budget"),
            *group_sections("cluster"),
        ],
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    started = monotonic()
    folder, changes = locate(arguments)
    config = resume_config(from_yaml(folder.config), changes)
    check_files(config)
    check_weights(config)
    check_device(config)
    # Not imported above: pandas and Optuna delay the message about a typo.
    from failmap.search.driver import drive

    typed = [*program("resume"), *arguments]
    return drive(config, folder, command=typed, started=started, console=SafeConsole())
