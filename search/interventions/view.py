"""The terminal view of interventions: their preview, and their progress by step and cell."""

from collections.abc import Callable, Sequence
from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from failmap.analysis.diagnosis import FIX_WORDS
from failmap.analysis.palette import FAILS, LEARNS
from failmap.analysis.verdict import State
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import duration_display, label_lines, label_text, quantity, setting_display
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import Allocation
from failmap.search.allocation.remaining import Eta, seconds_per_cost
from failmap.search.config import RunConfig
from failmap.search.cost import machine_factor
from failmap.search.interventions.plan import UNCHANGED, Case, Step
from failmap.search.interventions.schedule import InterventionSchedule, Progress
from failmap.search.loading.validation import shown
from failmap.search.plan import num_slots
from failmap.search.space import Cell, Space
from failmap.search.terminal.map_table import MARKS
from failmap.search.terminal.view import SEPARATOR, TerminalView

_STEP_NAMES: dict[str, str] = {UNCHANGED: "unchanged", **FIX_WORDS}


def step_display(step: Step) -> str:
    """Name a step: 'layer norm', 'unchanged'."""
    return step_name(step.name)


def step_name(name: str) -> str:
    """Return the words for the name of a step, a fix or an ablation."""
    return _STEP_NAMES.get(name, name)


def changes_display(step: Step) -> str:
    """Format the settings of a step as on the command line."""
    if step.warm_start is not None:
        # In the same row, only the label along x differs.
        path, label = step.warm_start.cell.labels[0]
        return f"model.start_from=a trial of {path}={label_text(label)}"
    return " ".join(f"{path}={label_text(value)}" for path, value in step.changes.items())


def cell_display(cell: Cell) -> str:
    """Format a cell as an argument of `cell=`."""
    return ",".join(f"{path}={label_text(label)}" for path, label in cell.labels)


def case_display(case: Case) -> list[str]:
    """Name a case in parts: ['depth 5', 'sequence length 100'], or ['trial 12']."""
    if case.kind == "ablation":
        return [f"trial {case.base}"]
    fixes = [f"with {step_name(name)}" for name in case.on_top_of.split("+") if name]
    return [*(setting_display(path, label) for path, label in reversed(case.cell.labels)), *fixes]


#: Width of a column, and maximum width of the step names.
_COLUMN_WIDTH, _NAME_WIDTH = 12, 40
_LEGEND = "k/n: k of n seeds learned; + more than half with confidence, - less; . not begun; … under way"
_STYLES: dict[State, str] = {"learns": f"white on {LEARNS}", "fails": f"white on {FAILS}", "unknown": ""}


class InterventionView(TerminalView):
    """Shows the progress of interventions.

    Args:
        schedule: Schedule of the session with all trials of earlier ones.
        eta: Estimates when the session ends by itself.
        console: Console to draw on.
        started: Start of the program by time.monotonic; now by default.
    """

    def __init__(
        self, schedule: InterventionSchedule, eta: Eta, console: Console, started: float | None = None
    ) -> None:
        super().__init__(console, started)
        self.schedule = schedule
        self.eta = eta

    def picture(self) -> RenderableType:
        """Return a table of steps by cells; in a narrow terminal, of the cells in progress."""
        cases = self._shown_cases()
        names = dict.fromkeys(step_display(step) for step, _ in self.schedule.all_progress())
        columns = [
            {
                step_display(step): progress_text(self.schedule.progress(case, step))
                for step in self.schedule.steps(case)
            }
            for case in cases
        ]
        shared = self._shared_parts()
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
        table.add_column(style="bold", max_width=_NAME_WIDTH)
        for _ in cases:
            table.add_column(justify="center", width=_COLUMN_WIDTH - 1)
        table.add_row("", *(_heading(case, shared) for case in cases))
        for name in names:
            table.add_row(name, *(column.get(name, "") for column in columns))
        return Group(Text(", ".join(shared), style="bold"), table) if shared else table

    def _shared_parts(self) -> list[str]:
        """Return what the names of all cases have in common, which is said once."""
        names = [case_display(case) for case in self.schedule.plan.cases]
        return [part for part in names[0] if all(part in name for name in names)] if len(names) > 1 else []

    def line(self, others: str = "running") -> str:
        """Return the counts of outcomes and cells and the time left; `others` names unfinished trials."""
        plan = self.schedule.plan
        left = self.eta.seconds_left(self.schedule.cost_spent(), self.schedule.cost_left())
        changed = [progress for step, progress in self.schedule.all_progress() if step.name != UNCHANGED]
        learned = sum(progress.tally.learned for progress in changed)
        running = sum(progress.num_running for progress in changed)
        ended = sum(progress.tally.trials for progress in changed) - running
        done = sum(self.schedule.is_done(case) for case in plan.cases)
        parts = [
            duration_display(monotonic() - self.started),
            f"{quantity(ended, 'trial')} with something changed: {learned} learned; {running} {others}",
            f"{done} of {quantity(len(plan.cases), 'case')} done",
            "no estimate of the time left" if left is None else f"{duration_display(left)} left",
        ]
        return SEPARATOR.join(parts)

    def show(self) -> None:
        """Print the table and the counts."""
        self.console.print(self.picture())
        self.console.print(Text(_LEGEND, style="dim"))
        self.print_wrapped(self.line("unfinished"))

    def _shown_cases(self) -> Sequence[Case]:
        """Return as many cases as fit, including the one in progress."""
        cases = self.schedule.plan.cases
        fit = max(1, (self.console.width - _NAME_WIDTH) // _COLUMN_WIDTH)
        current = next(
            (index for index, case in enumerate(cases) if not self.schedule.is_done(case)), len(cases)
        )
        start = min(max(current + 2 - fit, 0), max(len(cases) - fit, 0))
        return cases[start : start + fit]


def progress_text(progress: Progress) -> Text:
    """Format the progress of a step: '3/4…'."""
    tally = progress.tally
    ended = tally.trials - progress.num_running
    if not (ended or progress.num_running):
        return Text(MARKS["not_run"] if progress.num_left else "")
    state: State = (
        "learns" if tally.interval.is_above_half else "fails" if tally.interval.is_below_half else "unknown"
    )
    mark = MARKS[state] if state != "unknown" else ""
    return Text(f"{tally.learned}/{ended}{mark}{'…' * (progress.num_running > 0)}", style=_STYLES[state])


def _heading(case: Case, shared: Sequence[str]) -> Text:
    parts = [part for part in case_display(case) if part not in shared]
    lines = [line for part in parts for line in label_lines(part, _COLUMN_WIDTH - 1)]
    return Text("\n".join(lines), style="bold")


def replay(allocation: Allocation, space: Space, records: Sequence[TrialRecord]) -> None:
    """Replay recorded trials to an allocation, as a study does."""
    for record in records:
        allocation.begin(KnownTrial.of_record(record, space))


def show_preview(
    schedule: InterventionSchedule,
    config: RunConfig,
    records: Sequence[TrialRecord],
    console: Console,
    omitted: Sequence[Case] = (),
) -> None:
    """Print the remaining steps of a schedule that has all recorded trials, except for cases shown before."""
    # Measured times of this run are better estimates than a nominal second of training.
    factor = seconds_per_cost(records) or machine_factor()
    shown_before = {(case.cell, case.on_top_of) for case in omitted}
    for case in schedule.plan.cases:
        if (case.cell, case.on_top_of) in shown_before:
            continue
        console.print(Text(", ".join(case_display(case)), style="bold"))
        for line in case.reasons:
            console.print(Text(f"  {line}"), soft_wrap=True)
        console.print(_steps(schedule, case, lambda cost: duration_display(cost * factor), console.width))
    for note in schedule.plan.notes:
        console.print(Text(note), soft_wrap=True)
    console.print(Text(_summary(schedule, config, factor)), soft_wrap=True)


def _steps(schedule: InterventionSchedule, case: Case, duration: Callable[[float], str], width: int) -> Table:
    table = Table("change", "learned", "a trial", "sets", box=None)
    table.columns[0].ratio, table.columns[3].ratio = 3, 2
    steps = schedule.steps(case)
    longest = max((len(word) for step in steps for word in changes_display(step).split()), default=0)
    if 0 < longest <= width // 2:
        # No setting is broken: the names of the changes are.
        table.columns[3].width = longest
    for step in steps:
        against = f" (against {step.cause.replace('_', ' ')})" if step.cause not in ("", case.cause) else ""
        table.add_row(
            f"{step_display(step)}{against}",
            progress_text(schedule.progress(case, step)),
            duration(step.cost),
            Text(changes_display(step), overflow="fold"),
        )
    return table


def _summary(schedule: InterventionSchedule, config: RunConfig, factor: float) -> str:
    num_seeds = len(schedule.plan.seeds)
    if not schedule.num_left():
        return f"Each change was tried on {quantity(num_seeds, 'seed')} or given up; nothing is left to try."
    duration = duration_display(schedule.cost_left() * factor / num_slots(config))
    slots = quantity(num_slots(config), "slot")
    minutes = config.budget.minutes
    limit = "" if minutes is None else f"; this session ends after {shown(minutes)} minutes"
    return (
        f"{quantity(schedule.num_left(), 'trial')} at most, {duration} at most on {slots}{limit}. "
        f"Each change runs on the same {quantity(num_seeds, 'seed')} as the unchanged trial; it is given up "
        "once fewer than half of its seeds learn with confidence. Trials end early when they learn."
    )
