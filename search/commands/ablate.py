"""Shows what a recipe that learned had needed: python -m search.ablate run=NAME trial=N [seeds=5]."""

from collections.abc import Sequence
from time import monotonic

from failmap.search.interventions.request import read_ablation
from failmap.search.terminal.view import SafeConsole


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    started = monotonic()
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import ablate_help

        print(ablate_help(), end="")
        return 0
    request = read_ablation(words)
    # Here, not above: they bring pandas and Optuna along, and a typo is to be told at once.
    from failmap.analysis.interventions import ablation_lines
    from failmap.search.interventions.ablations import plan_ablation
    from failmap.search.interventions.session import intervene

    return intervene(
        request.session,
        lambda run: plan_ablation(request, run),
        lambda run: ablation_lines(run, request.trial),
        is_plan=request.is_plan,
        started=started,
        console=SafeConsole(),
    )
