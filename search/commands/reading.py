"""The commands that read stored runs and write nothing: `status` and `signals`. They disturb no driver."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from time import time
from typing import TYPE_CHECKING

from failmap.run_folder.errors import UserError, printable
from failmap.run_folder.paths import RunFolder, check_storage
from failmap.run_folder.storage import parse_location, store_of
from failmap.run_folder.wording import quantity
from failmap.search.commands.help import JSON, RUN, STORAGE, HelpPage, Section
from failmap.search.loading import from_yaml, locate
from failmap.search.loading.cli_args import read_run_arguments

if TYPE_CHECKING:
    from rich.console import Console


def status(arguments: Sequence[str], as_json: bool = False) -> int:
    """Show the progress of runs, from any machine that sees their storage. Change nothing.

    States: running on HOST; died: its driver is gone without having ended it; stopped: by Ctrl-C, SIGTERM or
    the command stop; all decided: every cell that the budget reaches learns or fails; budget spent: its time
    is over, or nothing is left to try. A run that is not running can be continued with the command resume.

    With cluster.address, the run's last job comes first: one that failed before its run began left no folder.
    """
    asks_cluster = any(argument.startswith("cluster.address=") for argument in arguments)
    settings = read_run_arguments(arguments, ["cluster.address"], needs_run=asks_cluster)
    # Not imported above: rich and Optuna delay the message about a typo.
    from rich.text import Text

    from failmap.search.run_status import read_run_status
    from failmap.search.terminal.run_list import as_json as status_json
    from failmap.search.terminal.run_list import detail_lines, faults_lines, show_run_list
    from failmap.search.terminal.view import SafeConsole

    console = SafeConsole()
    if asks_cluster and not as_json:
        from failmap.search.commands.clusters import describe_job

        line = describe_job(settings["run"], settings["storage"], settings["cluster.address"])
        console.print(Text(line), soft_wrap=True)
    if "run" in settings:
        folders = [locate([f"{key}={settings[key]}" for key in ("run", "storage")])[0]]
    else:
        storage = parse_location(settings["storage"])
        check_storage(storage)
        store = store_of(storage)
        folders = [RunFolder(storage / name) for name in store.list_folders(storage)]
        folders = [folder for folder in folders if store.exists(folder.config)]
    runs = [read_run_status(folder, time()) for folder in folders]
    if as_json:
        print(status_json(runs))
    elif "run" in settings:
        _show(folders[0], console)
        for line in (*detail_lines(runs[0]), *faults_lines(runs[0])):
            console.print(Text(line), soft_wrap=True)
    elif runs:
        show_run_list(runs, console)
    else:
        console.print(Text(f"{settings['storage']} holds no run"), soft_wrap=True)
    return 0


def status_help() -> HelpPage:
    """Return the help of `status`."""
    examples = [
        ("", "all runs, one per line"),
        ("run=lstm_depth", "one run: its map, outcomes and faults"),
        ("storage=s3://my-bucket/runs --json", "all runs of a bucket, as JSON"),
    ]
    keys = [
        ("run", "name of the run; without it, all runs"),
        STORAGE,
        ("cluster.address", "the dashboard http://HOST:8265 that the run was submitted to"),
        JSON,
    ]
    return HelpPage(status, "[run=NAME] [storage=FOLDER] [--json]", examples, [Section("Arguments:", keys)])


def _show(folder: RunFolder, console: "Console") -> None:
    """Print a run's driver, outcomes and map."""
    from rich.text import Text

    from failmap.analysis.best.leaderboard import best_line, leaderboard_of
    from failmap.analysis.load import load_run
    from failmap.search.allocation.known_trials import KnownTrial
    from failmap.search.allocation.map_allocation import cells_in_order
    from failmap.search.lease import driver_of
    from failmap.search.shards import Shard
    from failmap.search.space import Cell
    from failmap.search.terminal.best_view import ranking_table
    from failmap.search.terminal.map_table import map_picture

    config, run = from_yaml(folder.config), load_run(folder)
    cells: dict[Cell, list[KnownTrial]] = defaultdict(list)
    counts: dict[str, Counter[str]] = {"trial": Counter(), "intervention": Counter()}
    for record in run.records:
        trial = KnownTrial.of_record(record, config.space)
        if trial.intervention is None:
            cells[trial.cell].append(trial)
        kind = "trial" if trial.intervention is None else "intervention"
        counts[kind][trial.outcome or "unfinished"] += 1
    owner = driver_of(folder)
    driver = "no driver" if owner is None else f"driven by {owner}"
    if owner is not None and owner.is_known_dead:
        driver = f"its driver died ({owner})"
    shard = "" if config.shard is None else f", {Shard.parse(config.shard).text}"
    console.print(Text(f"run {folder.name}{shard}: {driver}"), soft_wrap=True)
    for kind, outcomes in counts.items():
        if outcomes or kind == "trial":
            listed = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            line = f"{quantity(outcomes.total(), kind)}: {listed or 'none yet'}"
            console.print(Text(line), soft_wrap=True)
    if config.space.objectives:
        board = leaderboard_of(run)
        console.print(ranking_table(board))
        console.print(Text(best_line(board)), soft_wrap=True)
    else:
        console.print(map_picture(config, cells_in_order(config), cells, console.width))


def signals(arguments: Sequence[str]) -> int:
    """Print one signal over a run's cells: the median over a cell's trials, those that learned included."""
    settings = read_run_arguments(arguments, ("signal", "at"))
    at, times = settings.get("at", "first"), ("first", "last", "mean")
    problems = [] if "signal" in settings else ["signal=NAME is missing: docs/signals.md lists them"]
    if at not in times:
        problems.append(f"at={at}: known: {', '.join(times)}")
    if problems:
        raise UserError(*problems)
    # Not imported above: pandas delays the message about a typo.
    from failmap.analysis.load import find_run, load_run
    from failmap.analysis.signals_by_cell import signal_table

    rows = signal_table(load_run(find_run(settings["run"], settings["storage"])), settings["signal"], at)
    rows = [[printable(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
        print(f"{first.ljust(widths[0])}  {'  '.join(cells)}".rstrip())
    return 0


def signals_help() -> HelpPage:
    """Return the help of `signals`."""
    keys = [
        RUN,
        STORAGE,
        ("signal", "one of docs/signals.md that is a number, or numbers by layer (required)"),
        ("at", "which of a trial's measurements counts (first | last | mean; default first)"),
    ]
    usage = "run=NAME signal=NAME [storage=FOLDER] [at=first|last|mean]"
    examples = [("run=lstm_depth signal=spread_by_layer", "a column per layer")]
    return HelpPage(signals, usage, examples, [Section("Arguments:", keys)])
