"""Tries what might help where a run fails: python -m search.rescue run=NAME [cell=...] [seeds=5]."""

from collections.abc import Sequence
from time import monotonic

from failmap.search.interventions.request import read_rescue
from failmap.search.terminal.view import SafeConsole


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    started = monotonic()
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import rescue_help

        print(rescue_help(), end="")
        return 0
    request = read_rescue(words)
    # Here, not above: they bring pandas and Optuna along, and a typo is to be told at once.
    from failmap.analysis.interventions import rescue_lines
    from failmap.search.interventions.rescue_plan import plan_rescue
    from failmap.search.interventions.session import intervene

    return intervene(
        request.session,
        lambda run: plan_rescue(request, run),
        rescue_lines,
        is_plan=request.is_plan,
        started=started,
        console=SafeConsole(),
    )
