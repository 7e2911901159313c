"""Goes on with a run: python -m search.resume run=NAME budget.minutes=30 ..."""

from collections.abc import Sequence
from time import monotonic

from failmap.run_folder.command_lines import program
from failmap.search.input_checks import check_device, check_files, check_weights
from failmap.search.loading import from_yaml, locate, resume_config
from failmap.search.terminal.view import SafeConsole


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    started = monotonic()
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import resume_help

        print(resume_help(), end="")
        return 0
    folder, changes = locate(words)
    config = resume_config(from_yaml(folder.config), changes)
    check_files(config)
    check_weights(config)
    check_device(config)
    # Here, not above: it brings pandas and Optuna along, and a typo is to be told at once.
    from failmap.search.driver import drive

    typed = [*program("resume"), *words]
    return drive(config, folder, command=typed, started=started, console=SafeConsole())
