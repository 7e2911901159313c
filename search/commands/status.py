"""Says how runs stand: python -m search.status [run=NAME]. Writes nothing, disturbs no driver."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from time import time

from rich.console import Console
from rich.text import Text

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import parse_location, store_of
from failmap.run_folder.wording import quantity
from failmap.search.lease import driver_of, is_known_dead
from failmap.search.loading import from_yaml, locate
from failmap.search.shards import Shard
from failmap.search.terminal.view import SafeConsole


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import status_help

        print(status_help(), end="")
        return 0
    is_json = "--json" in words
    words = [word for word in words if word != "--json"]
    if any(word.startswith("run=") for word in words):
        folder, others = locate(words)
        _refuse(others)
        _show_one(folder, is_json)
    else:
        named = [word for word in words if word.startswith("storage=")]
        _refuse([word for word in words if word not in named[:1]])
        _show_all(named[0].partition("=")[2] if named else "runs", is_json)
    return 0


def _refuse(words: Sequence[str]) -> None:
    if words:
        raise UserError(*(f"{word}: search.status knows run=, storage= and --json only" for word in words))


def _show_all(storage: str, is_json: bool) -> None:
    # Here, not above: it brings Optuna along, and a typo is to be told at once.
    from failmap.search.run_status import read_run_status
    from failmap.search.terminal.run_list import as_json, show_run_list

    place = parse_location(storage)
    store = store_of(place)
    folders = [RunFolder(place / name) for name in store.list_folders(place)]
    runs = [folder for folder in folders if store.exists(folder.config)]
    standings = [read_run_status(folder, time()) for folder in runs]
    if is_json:
        print(as_json(standings))
    elif standings:
        show_run_list(standings, SafeConsole())
    else:
        SafeConsole().print(Text(f"{storage} holds no run"), soft_wrap=True)


def _show_one(folder: RunFolder, is_json: bool) -> None:
    from failmap.search.run_status import read_run_status
    from failmap.search.terminal.run_list import as_json, faults_lines

    standing = read_run_status(folder, time())
    if is_json:
        print(as_json([standing]))
        return
    console = SafeConsole()
    _show(folder, console)
    for line in faults_lines(standing):
        console.print(Text(line), soft_wrap=True)


def _show(folder: RunFolder, console: Console) -> None:
    # Here, not above: it brings pandas and Optuna along, and a typo is to be told at once.
    from failmap.analysis.load import load_run
    from failmap.search.allocation.cell_needs import TrialNote, note_of_record
    from failmap.search.allocation.map_allocation import cells_in_order
    from failmap.search.cost import relative_cost
    from failmap.search.space import Cell
    from failmap.search.terminal.map_table import map_picture

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
    shard = "" if config.shard is None else f", {Shard.parse(config.shard).text}"
    console.print(Text(f"run {folder.name}{shard}: {driver_display(folder)}"), soft_wrap=True)
    console.print(Text(_counts(outcomes, "trial")), soft_wrap=True)
    if interventions:
        console.print(Text(_counts(interventions, "intervention")), soft_wrap=True)
    console.print(map_picture(config, cells_in_order(config, relative_cost), cells, console.width))


def _counts(outcomes: Counter[str], noun: str) -> str:
    """'3 trials: 2 learned, 1 failed'."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    return f"{quantity(outcomes.total(), noun)}: {counts or 'none yet'}"


def driver_display(folder: RunFolder) -> str:
    """Who drives the run, if anybody does."""
    owner = driver_of(folder)
    if owner is None:
        return "no driver"
    return f"its driver died ({owner})" if is_known_dead(owner) else f"driven by {owner}"
