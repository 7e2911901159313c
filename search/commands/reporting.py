"""The command `report`: a run's table, picture and page, once or while the run goes on."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath
from failmap.search.commands.help import JSON, RUN, STORAGE, HelpPage, Section
from failmap.search.loading import from_yaml
from failmap.search.loading.cli_args import is_true, read_run_arguments

#: The formats of a report: those that it always has, and those that it has if they are asked for.
_ALWAYS_WRITTEN, _FORMATS = ("csv", "html", "png"), ("md", "parquet", "pdf", "svg")
#: With watch=true, seconds between two reports: at least so many, and a multiple of what one takes.
_LEAST_SECONDS, _REST = 5, 4


def report(arguments: Sequence[str], as_json: bool = False) -> int:
    """Read a run, and write its table and its report into its folder. Start no training."""
    settings = read_run_arguments(arguments, ["format", "watch"])
    formats = _formats(settings.get("format", ""))
    is_watched = is_true(settings, "watch", default=False)
    if as_json and is_watched:
        raise UserError("watch=true: writes pages; leave out --json")
    if "," in settings["run"]:
        raise UserError(
            f"run={settings['run']}: a report is of one run; merge them first: "
            f"{command_line('merge', *arguments, 'into=NAME')}"
        )
    # Not imported above: pandas and matplotlib delay the message about a typo.
    from failmap.analysis.best.reporting import build_best
    from failmap.analysis.load import find_run
    from failmap.analysis.reporting import build
    from failmap.search.allocation.remaining import trials_left_of

    folder = find_run(settings["run"], settings["storage"])
    config = None
    # A configuration that only the reader of analysis takes is reported all the same.
    with suppress(UserError):
        config = from_yaml(folder.config)
    if config is not None and config.space.objectives:
        if as_json:
            ranking = command_line("best", *arguments, "--json")
            raise UserError(f"--json: is of maps; the ranking of run={folder.name} is printed by {ranking}")
        if formats:
            raise UserError(
                f"format={','.join(formats)}: is of maps; {folder.name} looks for the best recipe"
            )
        if is_watched:
            return _watch(folder, lambda refresh: build_best(folder, refresh).page)
        print(f"report: {build_best(folder).page}")
        return 0
    trials_left = None if config is None else trials_left_of(config)
    if is_watched:
        return _watch(folder, lambda refresh: build(folder, trials_left, formats, refresh).page)
    written = build(folder, trials_left, formats)
    if as_json:
        from failmap.search.commands.json_output import print_report

        print_report(written)
    else:
        print(f"report: {written.page}")
    return 0


def _watch(folder: RunFolder, write: Callable[[int | None], AnyPath]) -> int:
    """Write a run's report again and again until its driver is gone, and once more.

    Args:
        folder: The run's.
        write: Writes the report, whose page loads itself again after so many seconds, or not; returns it.
    """
    from failmap.search.lease import driver_of

    refresh, is_first = _LEAST_SECONDS, True
    try:
        while (owner := driver_of(folder)) is not None and not owner.is_known_dead:
            began = time.monotonic()
            page = write(refresh)
            refresh = max(_LEAST_SECONDS, round(_REST * (time.monotonic() - began)))
            if is_first:
                words = "again and again while the run goes on; Ctrl-C leaves the run alone"
                print(f"report: {page}, {words}", flush=True)
            is_first = False
            time.sleep(refresh)
    finally:
        # The last one stays as it is, also after Ctrl-C.
        page = write(None)
    print(f"report: {page}")
    return 0


def _formats(text: str) -> tuple[str, ...]:
    """Return the formats that a report is asked for beside those that it always has. Raises UserError."""
    formats = tuple(dict.fromkeys(filter(None, text.split(","))))
    known = (*_ALWAYS_WRITTEN, *_FORMATS)
    if unknown := [name for name in formats if name not in known]:
        raise UserError(*(f"format={name}: is unknown{nearest(name, known)}" for name in unknown))
    return tuple(name for name in formats if name in _FORMATS)


def report_help() -> HelpPage:
    """Return the help of `report`."""
    intervals = "one row per cell: state, measured or inferred, counts, P(learn), estimated seconds, cause"
    files = [
        ("trials.parquet", "all records, one row per trial (times in seconds of training)"),
        ("report/index.html", "self-contained: the failure map, and the curves behind every cell"),
        ("report/failure_map.png", "the map as a picture"),
        ("report/summary.md", "format=md: the result in words with picture, table and command, to paste"),
        ("report/failure_map_single.pdf", "format=pdf or svg: for one column of a paper; _double: for two"),
        ("report/cells.parquet", "format=parquet: the rows of cells.csv"),
        ("report/trials.csv", "the same rows; text that a spreadsheet would run is quoted by a '"),
        ("report/cells.csv", intervals),
        ("report/edge.csv", "one row per row of the map: up to which value it learns, 95 % interval"),
        ("report/rescue.csv", "one row per fix that was tried: counts and intervals before and after, p"),
        ("causes.jsonl", "the verdicts on failed trials, which make the next report faster"),
    ]
    sections = [
        Section(
            "Arguments:",
            [
                RUN,
                STORAGE,
                ("format", f"further files: {', '.join(_FORMATS)}, with commas"),
                ("watch", "true: again and again while the run goes on; its page loads itself again"),
                JSON,
            ],
        ),
        Section("Files, in the run's folder:", files, are_keys=False),
    ]
    examples = [
        ("run=lstm_depth", "the report of one run"),
        ("run=lstm_depth format=md,pdf", "also for a pull request, and for a paper"),
        ("run=lstm_depth watch=true", "a page that follows a run"),
    ]
    return HelpPage(
        report, "run=NAME [storage=FOLDER] [format=NAME,...] [watch=true] [--json]", examples, sections
    )
