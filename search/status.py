"""Says how a run stands: python -m search.status run=NAME. Writes nothing, disturbs no driver."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from analysis.errors import UserError, command
from analysis.records import RunFolder
from analysis.wording import count_words
from search.loading import from_yaml, locate
from search.lock import Owner
from search.shards import Shard


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        from search.help import status_help

        print(status_help(), end="")
        return 0
    folder, others = locate(words)
    if others:
        raise UserError(*(f"{word}: search.status knows run= and storage= only" for word in others))
    _show(folder, Console())
    return 0


def _show(folder: RunFolder, console: Console) -> None:
    # Here, not above: it brings pandas and Optuna along, and a typo is to be told at once.
    from analysis.load import load_run
    from search.agenda import cells_in_order
    from search.cost import relative_cost
    from search.live import map_picture
    from search.space import Cell
    from search.wants import TrialNote, note_of_record

    config = from_yaml(folder.config)
    cells: dict[Cell, list[TrialNote]] = defaultdict(list)
    outcomes: Counter[str] = Counter()
    interventions: Counter[str] = Counter()
    for record in load_run(folder).records:
        note = note_of_record(record, config.space)
        if note.intervention is None:
            cells[note.cell].append(note)
            outcomes[note.outcome or "unfinished"] += 1
        else:
            interventions[note.outcome or "unfinished"] += 1
    shard = "" if config.shard is None else f", {Shard.parse(config.shard).words}"
    console.print(Text(f"run {folder.name}{shard}: {driver_words(folder)}"), soft_wrap=True)
    console.print(Text(_counts(outcomes, "trial")), soft_wrap=True)
    if interventions:
        console.print(Text(_counts(interventions, "intervention")), soft_wrap=True)
    console.print(map_picture(config, cells_in_order(config, relative_cost), cells, console.width))


def _counts(outcomes: Counter[str], noun: str) -> str:
    """'3 trials: 2 learned, 1 failed'."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    return f"{count_words(outcomes.total(), noun)}: {counts or 'none yet'}"


def driver_words(folder: RunFolder) -> str:
    """Who drives the run, if anybody does."""
    try:
        owner = Owner.of(folder.lock)
    except FileNotFoundError:
        return "no driver"
    if owner is None:
        return f"{folder.lock} does not say who drives it"
    if owner.is_on_this_host and not owner.is_alive:
        return f"its driver died ({owner})"
    return f"driven by {owner}"


if __name__ == "__main__":
    command(main)
