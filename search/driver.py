"""One session of a run: trials until the budget ends it, then table, report, and how to go on."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from analysis.files import write_atomically
from analysis.load import load_run
from analysis.next_steps import next_steps
from analysis.records import RunFolder
from analysis.report import build
from search.config import RunConfig
from search.live import LiveView
from search.loading import to_yaml
from search.pace import Pace, write_costs
from search.provenance import begin_session, end_session
from search.sources import states_of_files
from search.storage import disk_errors_told, resume_command
from search.study import Study

#: Exit statuses: the search ended by itself; Ctrl-C ended it, as shells have it for SIGINT.
DONE, INTERRUPTED = 0, 130


def drive(
    config: RunConfig, folder: RunFolder, *, command: Sequence[str], started: float, console: Console
) -> int:
    """Runs one session and returns the exit status.

    Args:
        config: of the run; its folder exists.
        folder: of the run.
        command: what the user typed, for the run's provenance.
        started: when the program was started, on the clock of time.monotonic: the minutes count from there.
        console: where the user reads.

    Raises:
        UserError: another driver is at work, the disk is full, the cluster cannot be reached, or the like.
    """

    def notice(line: str) -> None:
        console.print(Text(line), soft_wrap=True)

    study = Study.open(config, folder, notice)
    try:
        files = states_of_files(config.space)
        with disk_errors_told(folder):
            # Only now that the lock is held: a resume may have changed it.
            write_atomically(folder.config, to_yaml(config))
            for warning in begin_session(folder, command, files=files):
                notice(f"warning: {warning}")
        deadline = None if config.budget.minutes is None else started + config.budget.minutes * 60
        pace = Pace(config, deadline)
        # Importing Ray takes seconds: not before everything that can be refused has been.
        from search.executor import execute

        try:
            with LiveView(config, study.results, pace.seconds_left, console) as view:
                ended_by = execute(study, config, folder, deadline=deadline, on_tick=view.tick)
        finally:
            with disk_errors_told(folder):
                end_session(folder)
    finally:
        study.close()

    results = study.results()
    view.show_map(results)
    with disk_errors_told(folder):
        write_costs(config, folder, load_run(folder).records)
    report = build(folder)
    if ended_by == "interrupt":
        notice(f"Stopped; what was under way is saved. Go on with\n  {resume_command(folder)}")
    else:
        for purpose, words in next_steps(report.run, report.failure_map):
            notice(f"{purpose}\n  {words}")
    notice(f"report: {report.page}")
    return INTERRUPTED if ended_by == "interrupt" else DONE
