"""The command that shows the progress of runs. It writes nothing, and disturbs no driver."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from time import time

from rich.console import Console
from rich.text import Text

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import parse_location, store_of
from failmap.run_folder.wording import quantity
from failmap.search.commands.arguments import read_run_arguments
from failmap.search.commands.help import JSON, STORAGE, HelpPage, Section
from failmap.search.lease import driver_of
from failmap.search.loading import from_yaml, locate
from failmap.search.shards import Shard
from failmap.search.terminal.view import SafeConsole


def help_page() -> HelpPage:
    """Return the command's help."""
    return HelpPage(
        "[run=NAME] [storage=FOLDER] [--json]",
        "Show the progress of runs, from any machine that sees their storage. Change nothing.",
        [
            ("", "all runs, one per line"),
            ("run=lstm_depth", "one run: its map, outcomes and faults"),
            ("storage=s3://my-bucket/runs --json", "all runs of a bucket, as JSON"),
        ],
        [Section("Arguments:", [("run", "name of the run; without it, all runs"), STORAGE, JSON])],
        "States: running on HOST; died: its driver is gone without having ended it; stopped: by Ctrl-C, "
        "SIGTERM or the command stop; all decided: every cell that the budget reaches learns or fails; "
        "budget spent: its time is over, or nothing is left to try. A run that is not running can be "
        "continued with the command resume.",
    )


def main(arguments: Sequence[str], as_json: bool = False) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    settings = read_run_arguments(arguments, needs_run=False)
    # Not imported above: Optuna delays the message about a typo.
    from failmap.search.run_status import read_run_status
    from failmap.search.terminal.run_list import as_json as status_json
    from failmap.search.terminal.run_list import faults_lines, show_run_list

    if "run" in settings:
        folder, _ = locate([f"{key}={settings[key]}" for key in ("run", "storage")])
        folders = [folder]
    else:
        storage = parse_location(settings["storage"])
        store = store_of(storage)
        folders = [RunFolder(storage / name) for name in store.list_folders(storage)]
        folders = [folder for folder in folders if store.exists(folder.config)]
    runs = [read_run_status(folder, time()) for folder in folders]
    console = SafeConsole()
    if as_json:
        print(status_json(runs))
    elif "run" in settings:
        _show(folders[0], console)
        for line in faults_lines(runs[0]):
            console.print(Text(line), soft_wrap=True)
    elif runs:
        show_run_list(runs, console)
    else:
        console.print(Text(f"{settings['storage']} holds no run"), soft_wrap=True)
    return 0


def _show(folder: RunFolder, console: Console) -> None:
    from failmap.analysis.load import load_run
    from failmap.search.allocation.known_trials import KnownTrial
    from failmap.search.allocation.map_allocation import cells_in_order
    from failmap.search.space import Cell
    from failmap.search.terminal.map_table import map_picture

    config = from_yaml(folder.config)
    cells: dict[Cell, list[KnownTrial]] = defaultdict(list)
    outcomes: Counter[str] = Counter()
    interventions: Counter[str] = Counter()
    for record in load_run(folder).records:
        note = KnownTrial.of_record(record, config.space)
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
    console.print(map_picture(config, cells_in_order(config), cells, console.width))


def _counts(outcomes: Counter[str], noun: str) -> str:
    """Return '3 trials: 2 learned, 1 failed'."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    return f"{quantity(outcomes.total(), noun)}: {counts or 'none yet'}"


def driver_display(folder: RunFolder) -> str:
    """Return which process drives the run, or that none does."""
    owner = driver_of(folder)
    if owner is None:
        return "no driver"
    return f"its driver died ({owner})" if owner.is_known_dead else f"driven by {owner}"
