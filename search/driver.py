"""One session of a run: trials until the budget is spent, then the map, the report and the next steps."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from failmap.analysis.failure_map import why_line
from failmap.analysis.load import load_run
from failmap.analysis.next_steps import next_steps
from failmap.analysis.reporting import Report, build
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import write_atomically
from failmap.search.allocation.map_allocation import Allocation, shard_cells
from failmap.search.allocation.remaining import write_costs
from failmap.search.cluster.environment import prepare_ray
from failmap.search.config import RunConfig
from failmap.search.input_checks import states_of_files
from failmap.search.loading import to_yaml
from failmap.search.new_run import report_disk_errors, resume_command
from failmap.search.provenance import begin_session, end_session
from failmap.search.study import Study
from failmap.search.terminal.live import LiveView
from failmap.search.terminal.view import SafeConsole

#: Exit statuses. DONE also after `search.stop`, so that no cluster restarts the search; INTERRUPTED after
#: Ctrl-C or SIGTERM, as shells report SIGINT.
DONE, INTERRUPTED = 0, 130


def drive(
    config: RunConfig, folder: RunFolder, *, command: Sequence[str], started: float, console: SafeConsole
) -> int:
    """Run one session of a map, and return the exit status.

    Args:
        config: The run's configuration.
        folder: The run's folder, which exists.
        command: The user's command line, for the run's provenance.
        started: The program's start on the clock of time.monotonic, from which `budget.minutes` counts.
        console: The user's terminal.

    Raises:
        UserError: For example, another driver is running, the disk is full or the cluster is unreachable.
    """
    notice = console.print_line
    deadline = deadline_of(config, started)
    with open_session(config, folder, command=command, notice=notice) as study:
        with report_disk_errors(folder):
            # A resume may have changed the configuration, which only the holder of the lease may write.
            write_atomically(folder.config, to_yaml(config))
            if config.shard is not None:
                # For readers that do not know the search's order.
                cells = [cell.as_dict() for cell in shard_cells(config)]
                write_atomically(folder.own_cells, json.dumps(cells))
        prepare_ray(config.cluster)
        # Importing Ray takes seconds, so all checks of the configuration come first.
        from failmap.search.executor import execute

        with LiveView(config, study.known, deadline, console) as view:
            ended_by = execute(study, config, folder, deadline=deadline, on_tick=view.tick, notice=notice)

    view.show_map()
    report = write_report(config, folder)
    if why := why_line(report.failure_map):
        notice(why)
    if ended_by in ("interrupt", "request"):
        notice(f"Stopped; running trials are saved. Resume with\n  {resume_command(folder)}")
    else:
        for purpose, next_command in next_steps(report.run, report.failure_map):
            notice(f"{purpose}\n  {next_command}")
    notice(f"report: {report.page}")
    return INTERRUPTED if ended_by == "interrupt" else DONE


def deadline_of(config: RunConfig, started: float) -> float | None:
    """Return a session's time limit on the clock of time.monotonic; None for no limit."""
    return None if config.budget.minutes is None else started + config.budget.minutes * 60


@contextmanager
def open_session(
    config: RunConfig,
    folder: RunFolder,
    *,
    command: Sequence[str],
    notice: Callable[[str], None],
    allocation: Allocation | None = None,
) -> Iterator[Study]:
    """Open the run's study under its lease, and record the session in its provenance.

    Args:
        config: The run's configuration.
        folder: The run's folder, which exists.
        command: The user's command line.
        notice: Receives every repair and warning.
        allocation: Decides which trial is next; the map's allocation by default.

    Raises:
        UserError: For example, another driver is running or the disk is full.
    """
    with closing(Study.open(config, folder, notice, allocation)) as study:
        files = states_of_files(config.space)
        with report_disk_errors(folder):
            for warning in begin_session(folder, command, files=files, threads=config.cluster.cpus_per_trial):
                notice(f"warning: {warning}")
        try:
            yield study
        finally:
            # If another driver has taken the run over, the last session in its provenance is that driver's.
            if study.holds_lease:
                with report_disk_errors(folder):
                    end_session(folder)


def write_report(config: RunConfig, folder: RunFolder) -> Report:
    """Write measured cell costs, table and report. Raises UserError if, for example, the disk is full."""
    with report_disk_errors(folder):
        write_costs(config, folder, load_run(folder).records)
    return build(folder)
