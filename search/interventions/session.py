"""One session of interventions: told before, shown while it runs, and what came of it."""

import shlex
from collections.abc import Callable, Sequence

from rich.console import Console

from failmap.analysis.load import Run, load_run
from failmap.search.cluster.environment import prepare_ray
from failmap.search.driver import DONE, INTERRUPTED, deadline_of, notices, open_session, write_report
from failmap.search.input_checks import check_device, check_files, check_weights
from failmap.search.interventions.plan import Plan
from failmap.search.interventions.request import Session
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.interventions.view import InterventionEta, InterventionView, show_preview, tell


def intervene(
    session: Session,
    make_plan: Callable[[Run], Plan],
    results: Callable[[Run], Sequence[str]],
    *,
    is_plan: bool,
    started: float,
    console: Console,
) -> int:
    """Runs one session and returns the exit status.

    Args:
        session: where.
        make_plan: says what is tried, from what the run's trials left behind.
        results: lines that say what came of it.
        is_plan: only show what would be tried.
        started: when the program was started, on the clock of time.monotonic: the minutes count from there.
        console: where the user reads.

    Raises:
        UserError: nothing can be tried; another driver is at work, the disk is full, or the like.
    """
    config, folder, notice = session.config, session.folder, notices(console)
    run = load_run(folder)
    plan = make_plan(run)
    known = InterventionSchedule(plan)
    tell(known, config.space, run.records)
    show_preview(known, config, run.records, console)
    if is_plan:
        notice("Nothing was started. Leave plan=true out to begin.")
        return DONE
    ended_by = None
    if known.next() is not None or any(record.summary is None for record in run.records):
        known, ended_by = _run(session, plan, deadline_of(config, started), console)
    report = write_report(config, folder)
    for line in results(report.run):
        notice(line)
    if not all(known.is_done(case) for case in plan.cases):
        is_stopped = ended_by in ("interrupt", "request")
        told = "Stopped; what was under way is saved" if is_stopped else "The budget ended it"
        notice(f"{told}. Go on with\n  {shlex.join(session.command)}")
    elif known.is_undecided():
        notice(f"Undecided changes are decided by more seeds:\n  {_with_more_seeds(session, plan)}")
    notice(f"report: {report.page}")
    return INTERRUPTED if ended_by == "interrupt" else DONE


def _run(
    session: Session, plan: Plan, deadline: float | None, console: Console
) -> tuple[InterventionSchedule, str | None]:
    """Runs what is left. Returns the agenda that knows all of it, and why it ended before."""
    config, folder = session.config, session.folder
    check_files(config)
    check_weights(config)
    check_device(config)
    agenda, notice = InterventionSchedule(plan), notices(console)
    with open_session(config, folder, command=session.command, notice=notice, allocation=agenda) as study:
        pace = InterventionEta(agenda, deadline)
        prepare_ray(config.cluster)
        # Importing Ray takes seconds: not before everything that can be refused has been.
        from failmap.search.executor import execute

        with InterventionView(agenda, pace.seconds_left, console) as view:
            ended_by = execute(study, config, folder, deadline=deadline, on_tick=view.tick, notice=notice)
    view.show()
    return agenda, ended_by


def _with_more_seeds(session: Session, plan: Plan) -> str:
    """The same command with twice the seeds."""
    words = [word for word in session.command if not word.startswith("seeds=")]
    return shlex.join([*words, f"seeds={2 * len(plan.seeds)}"])
