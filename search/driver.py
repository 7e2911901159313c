"""One session of a run: trials until the budget ends it, then table, report, and how to go on."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from failmap.analysis.load import load_run
from failmap.analysis.next_steps import next_steps
from failmap.analysis.reporting import Report, build
from failmap.analysis.why import why_line
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import write_atomically
from failmap.search.allocation.eta import MapEta, write_costs
from failmap.search.allocation.map_allocation import Allocation, shard_cells
from failmap.search.cluster.environment import prepare_ray
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.input_checks import states_of_files
from failmap.search.loading import to_yaml
from failmap.search.new_run import report_disk_errors, resume_command
from failmap.search.provenance import begin_session, end_session
from failmap.search.study import Study
from failmap.search.terminal.live import LiveView

#: Exit statuses: the search ended by itself, or was asked to by search.stop, so that no cluster starts it
#: again; Ctrl-C or SIGTERM ended it, as shells have it for SIGINT.
DONE, INTERRUPTED = 0, 130

Notice = Callable[[str], None]


def drive(
    config: RunConfig, folder: RunFolder, *, command: Sequence[str], started: float, console: Console
) -> int:
    """Runs one session of a map and returns the exit status.

    Args:
        config: of the run; its folder exists.
        folder: of the run.
        command: what the user typed, for the run's provenance.
        started: when the program was started, on the clock of time.monotonic: the minutes count from there.
        console: where the user reads.

    Raises:
        UserError: another driver is at work, the disk is full, the cluster cannot be reached, or the like.
    """
    notice = notices(console)
    deadline = deadline_of(config, started)
    with open_session(config, folder, command=command, notice=notice) as study:
        with report_disk_errors(folder):
            # Only now that the lock is held: a resume may have changed it.
            write_atomically(folder.config, to_yaml(config))
            _write_own_cells(config, folder)
        eta = MapEta(config, study.results().cells, deadline)
        prepare_ray(config.cluster)
        # Importing Ray takes seconds: not before everything that can be refused has been.
        from failmap.search.executor import execute

        with LiveView(config, study.results, eta, console) as view:
            ended_by = execute(study, config, folder, deadline=deadline, on_tick=view.tick, notice=notice)

    view.show_map(study.results())
    report = write_report(config, folder)
    if why := why_line(report.failure_map):
        notice(why)
    if ended_by in ("interrupt", "request"):
        notice(f"Stopped; what was under way is saved. Go on with\n  {resume_command(folder)}")
    else:
        for purpose, words in next_steps(report.run, report.failure_map):
            notice(f"{purpose}\n  {words}")
    notice(f"report: {report.page}")
    return INTERRUPTED if ended_by == "interrupt" else DONE


def _write_own_cells(config: RunConfig, folder: RunFolder) -> None:
    """Says which cells a shard takes, for readers that do not know the search's order."""
    if config.shard is not None:
        cells = [cell.as_dict() for cell in shard_cells(config, relative_cost)]
        write_atomically(folder.own_cells, json.dumps(cells))


def notices(console: Console) -> Notice:
    """Prints lines that a user may copy: as they are, and not wrapped."""
    return lambda line: console.print(Text(line), soft_wrap=True)


def deadline_of(config: RunConfig, started: float) -> float | None:
    """When a session ends in any case, on the clock of time.monotonic; None for no limit."""
    return None if config.budget.minutes is None else started + config.budget.minutes * 60


@contextmanager
def open_session(
    config: RunConfig,
    folder: RunFolder,
    *,
    command: Sequence[str],
    notice: Notice,
    agenda: Allocation | None = None,
) -> Iterator[Study]:
    """The run's study, under its lock, with the session in its provenance.

    Args:
        config: of the run; its folder exists.
        folder: of the run.
        command: what the user typed.
        notice: is told of every repair and warning.
        agenda: what to begin next; the map's where left out.

    Raises:
        UserError: another driver is at work, the disk is full, or the like.
    """
    study = Study.open(config, folder, notice, agenda=agenda)
    try:
        files = states_of_files(config.space)
        with report_disk_errors(folder):
            for warning in begin_session(folder, command, files=files):
                notice(f"warning: {warning}")
        try:
            yield study
        finally:
            # Where another driver has the run, the last session in its provenance is that driver's.
            if study.holds_lease:
                with report_disk_errors(folder):
                    end_session(folder)
    finally:
        study.close()


def write_report(config: RunConfig, folder: RunFolder) -> Report:
    """Writes what cells cost here, table and report. Raises UserError where the disk is full or the like."""
    with report_disk_errors(folder):
        write_costs(config, folder, load_run(folder).records)
    return build(folder)
