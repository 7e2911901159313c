"""A session of interventions: its preview, its progress, and its results."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from failmap.analysis.load import Run, load_run
from failmap.search.allocation.remaining import Eta
from failmap.search.driver import DONE, INTERRUPTED, deadline_of, join_ray, open_session, write_report
from failmap.search.input_checks import check_all
from failmap.search.interventions.plan import Plan
from failmap.search.interventions.request import Own, Session
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.interventions.view import InterventionView, replay, show_preview
from failmap.search.own_parts import own_code_from
from failmap.search.terminal.view import SafeConsole


def intervene(
    session: Session[Own],
    make_plan: Callable[[Session[Own], Run], Plan],
    results: Callable[[Run], Sequence[str]],
    *,
    started: float,
    console: SafeConsole,
) -> int:
    """Run a session and return the exit status.

    Args:
        session: Validated arguments.
        make_plan: Makes the plan from the session's arguments and the run's trials.
        results: Returns the lines that report the results.
        started: Start of the program by time.monotonic, from which the minutes count.
        console: Console for the user.

    Raises:
        UserError: Nothing can be tried, another driver is running, the disk is full, or the like.
    """
    with own_code_from(session.arguments.own_code, session.folder, session.config.space):
        return _intervene(session, make_plan, results, started=started, console=console)


def _intervene(
    session: Session[Own],
    make_plan: Callable[[Session[Own], Run], Plan],
    results: Callable[[Run], Sequence[str]],
    *,
    started: float,
    console: SafeConsole,
) -> int:
    """Run a session with the own code that is in use."""
    config, folder, notice = session.config, session.folder, console.print_line
    run = load_run(folder)
    plan = make_plan(session, run)
    schedule = InterventionSchedule(plan)
    replay(schedule, config.space, run.records)
    show_preview(schedule, config, run.records, console)
    if session.arguments.plan:
        notice("Nothing was started. Omit plan=true to begin.")
        return DONE
    ended_by = None
    if schedule.next() is not None or any(record.summary is None for record in run.records):
        schedule, ended_by = _run(session, plan, started, console)
    # What was tried may show another cause, whose fixes are then planned on top.
    while ended_by is None and all(schedule.is_done(case) for case in plan.cases):
        run = load_run(folder)
        known, plan = plan.cases, replace(make_plan(session, run), max_trials=plan.max_trials)
        following = InterventionSchedule(plan)
        replay(following, config.space, run.records)
        if following.next() is None:
            break
        show_preview(following, config, run.records, console, omitted=known)
        schedule, ended_by = _run(session, plan, started, console)
    report = write_report(config, folder)
    for line in results(report.run):
        notice(line)
    if not all(schedule.is_done(case) for case in plan.cases):
        is_stopped = ended_by in ("interrupt", "request")
        reason = "Stopped; running trials are saved" if is_stopped else "The budget is spent"
        notice(f"{reason}. Continue with\n  {shlex.join(session.command)}")
    elif schedule.is_undecided():
        command = [argument for argument in session.command if not argument.startswith("seeds=")]
        more = shlex.join([*command, f"seeds={2 * session.arguments.seeds}"])
        notice(f"More seeds may decide the undecided changes:\n  {more}")
    notice(f"report: {report.page}")
    return INTERRUPTED if ended_by == "interrupt" else DONE


def _run(
    session: Session[Own], plan: Plan, started: float, console: SafeConsole
) -> tuple[InterventionSchedule, str | None]:
    """Run the remaining trials. Return their schedule, and why the session ended early, if it did."""
    config, folder, deadline = session.config, session.folder, deadline_of(session.config, started)
    check_all(config)
    schedule, notice = InterventionSchedule(plan), console.print_line
    with open_session(
        config, folder, command=session.command, notice=notice, started=started, allocation=schedule
    ) as opened:
        study, eta = opened.study, Eta(schedule.cost_spent(), deadline)
        join_ray(config.cluster, notice)
        # Importing Ray takes seconds, so everything that may be refused comes first.
        from failmap.search.executor import execute

        with InterventionView(schedule, eta, console, started) as view:
            ended_by = execute(
                study,
                config,
                folder,
                deadline=deadline,
                on_tick=view.tick,
                notice=notice,
                own_code=opened.own_code,
            )
            opened.ended_by = ended_by or "finished"
    view.show()
    return schedule, ended_by
