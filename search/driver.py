"""One session of a run: trials until the budget is spent, then the map, the report and the next steps."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import monotonic

from failmap.analysis.best.leaderboard import best_line
from failmap.analysis.best.reporting import build_best
from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import why_line
from failmap.analysis.next_steps import next_steps
from failmap.analysis.reporting import Report, build
from failmap.run_folder.command_lines import command_line
from failmap.run_folder.own_copies import OwnCodeNote
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, write_atomically
from failmap.run_folder.wording import duration_display
from failmap.search.allocation.map_allocation import Allocation, shard_cells
from failmap.search.allocation.remaining import judged_anew, trials_left_of, write_costs
from failmap.search.cluster.environment import prepare_ray
from failmap.search.config import Cluster, RunConfig
from failmap.search.continuing.ends import to_train_on
from failmap.search.input_checks import states_of_code, states_of_files
from failmap.search.loading import from_yaml, to_yaml
from failmap.search.new_run import report_disk_errors, resume_command, run_arguments
from failmap.search.own_parts import read_own_parts, store_own_parts
from failmap.search.provenance import begin_session, end_session
from failmap.search.shutdown import interrupted_by_signals
from failmap.search.study import Study
from failmap.search.terminal.best_view import BestView
from failmap.search.terminal.live import LiveView
from failmap.search.terminal.messages import error_lines
from failmap.search.terminal.run_view import RunView
from failmap.search.terminal.view import SafeConsole, TerminalView
from failmap.search.tuning.importance import write_importance

#: Exit statuses. DONE also after `search.stop`, so that no cluster restarts the search; INTERRUPTED after
#: Ctrl-C or SIGTERM, as shells report SIGINT.
DONE, INTERRUPTED = 0, 130
#: The part of the time limit from which on the time of the start is worth a word.
_LARGE_SHARE = 0.25


@dataclass
class Session:
    """A session of a run.

    Attributes:
        study: The run's study, open.
        own_code: The user's own code, whose copies are in the run's folder.
        ended_by: How the session ended, for the provenance; a fault until its trials have ended otherwise.
    """

    study: Study
    own_code: Sequence[OwnCodeNote] = ()
    ended_by: str = "fault"


def drive(
    config: RunConfig, folder: RunFolder, *, command: Sequence[str], started: float, console: SafeConsole
) -> int:
    """Run one session of a search, and return the exit status.

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
    with open_session(config, folder, command=command, notice=notice, started=started) as session:
        study = session.study
        if line := judged_anew(from_yaml(folder.config), study.known.by_cell):
            notice(line)
        if config.continue_to is not None:
            notice(to_train_on(folder, load_run(folder).records, config.continue_to))
        with report_disk_errors(folder):
            # A resume may have changed the configuration, which only the holder of the lease may write.
            write_atomically(folder.config, to_yaml(config))
            if config.shard is not None:
                # For readers that do not know the search's order.
                cells = [cell.as_dict() for cell in shard_cells(config)]
                write_atomically(folder.own_cells, json.dumps(cells))
        study.prepare()
        join_ray(config.cluster, notice)
        # Importing Ray takes seconds, so all checks of the configuration come first.
        from failmap.search.executor import execute

        kind: type[RunView] = BestView if config.space.objectives else LiveView
        with kind(config, study.known, deadline, console, started) as view:
            ended_by = execute(
                study,
                config,
                folder,
                deadline=deadline,
                on_tick=view.tick,
                notice=notice,
                own_code=session.own_code,
            )
            session.ended_by = ended_by or "finished"

    view.show()
    for line in error_lines(study.known.errors()):
        notice(line)
    if config.space.objectives:
        page = _report_best(folder, notice)
    else:
        page = _report_map(config, folder, notice)
    if ended_by in ("interrupt", "request"):
        notice(f"Stopped; running trials are saved. Resume with\n  {resume_command(folder)}")
    else:
        if spent := _budget_line(config, ended_by, view, study.known.outcomes().total()):
            notice(spent)
        for purpose, next_command in page.steps:
            notice(f"{purpose}\n  {next_command}")
    notice(f"report: {page.path}")
    return INTERRUPTED if ended_by == "interrupt" else DONE


@dataclass(frozen=True)
class _Page:
    """A written report, and what to do next, each step with its command."""

    path: AnyPath
    steps: Iterable[tuple[str, str]]


def _report_map(config: RunConfig, folder: RunFolder, notice: Callable[[str], None]) -> _Page:
    """Write the report of a map, and say what was found."""
    report = write_report(config, folder)
    failure_map = report.failure_map
    if (edge := failure_map.edge) is not None and edge.rows:
        notice(edge.line)
    for part in (failure_map.audit, failure_map.futility, failure_map.continued):
        if part is not None:
            notice(part.words)
    if why := why_line(failure_map):
        notice(why)
    return _Page(report.page, next_steps(report.run, failure_map, trials_left_of(config)))


def _report_best(folder: RunFolder, notice: Callable[[str], None]) -> _Page:
    """Write the report of a search for the best recipe, and say what was found."""
    write_importance(load_run(folder))
    report = build_best(folder)
    notice(best_line(report.leaderboard))
    best = command_line("best", *run_arguments(folder))
    return _Page(report.page, [("The best recipes, as YAML, arguments and PyTorch:", best)])


def join_ray(cluster: Cluster, notice: Callable[[str], None]) -> None:
    """Announce the start of Ray, which takes seconds, and prepare it. Raises UserError as `prepare_ray`."""
    local = "starting Ray on this machine" + ("" if cluster.cpus is None else f", on {cluster.cpus} CPUs")
    notice(local if cluster.address == "local" else f"joining the Ray cluster at {cluster.address}")
    prepare_ray(cluster)


def _budget_line(config: RunConfig, ended_by: str | None, view: TerminalView, num_trials: int) -> str | None:
    """Return the line that says that the budget ended a session, and what start-up took of a short one."""
    budget = config.budget
    if ended_by == "time" and budget.minutes is not None:
        line = f"budget spent: budget.minutes={budget.minutes:g}"
        seconds = view.seconds_until_training
        if seconds is None or seconds > _LARGE_SHARE * budget.minutes * 60:
            took = duration_display(monotonic() - view.started if seconds is None else seconds)
            line += f", of which starting took {took}"
        return line
    if budget.trials is not None and num_trials >= budget.trials:
        return f"budget spent: budget.trials={budget.trials}"
    return None


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
    started: float,
    allocation: Allocation | None = None,
) -> Iterator[Session]:
    """Open the run's study under its lease, and record the session in its provenance.

    Args:
        config: The run's configuration.
        folder: The run's folder, which exists.
        command: The user's command line.
        notice: Receives every repair and warning.
        started: The program's start on the clock of time.monotonic.
        allocation: Decides which trial is next; the map's allocation by default.

    Raises:
        UserError: For example, another driver is running or the disk is full.
    """
    with interrupted_by_signals(), closing(Study.open(config, folder, notice, allocation)) as study:
        codes = read_own_parts(config.space)
        files = states_of_files(config.space)
        with report_disk_errors(folder):
            # First: provenance names no copy that is not there.
            own_code = store_own_parts(config.space, codes, folder)
            files |= states_of_code(codes, own_code)
            warnings = begin_session(
                folder,
                command,
                files=files,
                own_code=own_code,
                seconds_ago=monotonic() - started,
                threads=config.cluster.cpus_per_trial,
            )
            for warning in warnings:
                notice(f"warning: {warning}")
        session = Session(study, own_code)
        try:
            yield session
        except KeyboardInterrupt:
            session.ended_by = "interrupt"
            raise
        finally:
            # If another driver has taken the run over, the last session in its provenance is that driver's.
            if study.holds_lease:
                with report_disk_errors(folder):
                    end_session(folder, session.ended_by)


def write_report(config: RunConfig, folder: RunFolder) -> Report:
    """Write measured cell costs, importance, table and report.

    Raises:
        UserError: For example, the disk is full.
    """
    run = load_run(folder)
    with report_disk_errors(folder):
        write_costs(config, folder, run.records)
    write_importance(run)
    return build(folder, trials_left_of(config))
