"""The terminal view of interventions: what was changed, by the cells it was changed in."""

from collections.abc import Callable, Sequence
from time import monotonic

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from failmap.analysis.palette import FAILS, LEARNS
from failmap.analysis.verdict import State
from failmap.analysis.wording import count_words, duration_text, label_lines
from failmap.search.interventions.agenda import InterventionAgenda, Progress
from failmap.search.interventions.plan import AS_IT_WAS, Case, Step
from failmap.search.interventions.words import case_words, step_words
from failmap.search.map_picture import MARKS
from failmap.search.terminal import TerminalView

#: Characters of a column, and of the steps' names at most.
_COLUMN_WIDTH, _NAME_WIDTH = 12, 40
_LEGEND = "k/n: k of n seeds learned; + surely more than half, - surely less; . not begun; … under way"
_STYLES: dict[State, str] = {"learns": f"white on {LEARNS}", "fails": f"white on {FAILS}", "unknown": ""}


class InterventionView(TerminalView):
    """Shows interventions while they go on.

    Args:
        agenda: of the session, told of all trials of earlier ones.
        seconds_left: estimated seconds until the session ends by itself; None where nobody knows.
        console: where to draw.
    """

    def __init__(
        self, agenda: InterventionAgenda, seconds_left: Callable[[], float | None], console: Console
    ) -> None:
        super().__init__(console)
        self.agenda = agenda
        self.seconds_left = seconds_left

    def picture(self) -> RenderableType:
        """Steps by cells, k of n; in a narrow terminal the cells that are under way."""
        cases = self._shown_cases()
        names = dict.fromkeys(
            step_words(step) for case in self.agenda.plan.cases for step in self.agenda.steps(case)
        )
        by_name = [{step_words(step): step for step in self.agenda.steps(case)} for case in cases]
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
        table.add_column(style="bold", max_width=_NAME_WIDTH)
        for _ in cases:
            table.add_column(justify="center", width=_COLUMN_WIDTH - 1)
        table.add_row("", *(_heading(case) for case in cases))
        for name in names:
            steps = (steps.get(name) for steps in by_name)
            table.add_row(name, *(self._entry(case, step) for case, step in zip(cases, steps, strict=True)))
        return table

    def line(self, others: str = "running") -> str:
        """Counts of outcomes, cells that are done, and the time left. `others` have not ended."""
        plan = self.agenda.plan
        left = self.seconds_left()
        steps = [(case, step) for case in plan.cases for step in self.agenda.steps(case)]
        changed = [self.agenda.progress(case, step) for case, step in steps if step.name != AS_IT_WAS]
        tallies = [progress.tally for progress in changed]
        learned, running = sum(tally.learned for tally in tallies), sum(one.num_running for one in changed)
        ended = sum(tally.trials for tally in tallies) - running
        done = sum(self.agenda.is_done(case) for case in plan.cases)
        parts = [
            duration_text(monotonic() - self.started),
            f"{count_words(ended, 'trial')} with something changed: {learned} learned; {running} {others}",
            f"{done} of {count_words(len(plan.cases), 'case')} done",
            "no estimate of the time left" if left is None else f"{duration_text(left)} left",
        ]
        return " · ".join(parts)

    def show(self) -> None:
        """Prints table and counts, to stay."""
        self.console.print(self.picture())
        self.console.print(Text(_LEGEND, style="dim"))
        self.console.print(self.line("unfinished"), highlight=False, soft_wrap=True)

    def _entry(self, case: Case, step: Step | None) -> Text:
        return Text("") if step is None else entry(self.agenda.progress(case, step))

    def _shown_cases(self) -> Sequence[Case]:
        """As many as fit, the one that is under way among them."""
        cases = self.agenda.plan.cases
        fit = max(1, (self.console.width - _NAME_WIDTH) // _COLUMN_WIDTH)
        current = next(
            (place for place, case in enumerate(cases) if not self.agenda.is_done(case)), len(cases)
        )
        start = min(max(current + 2 - fit, 0), max(len(cases) - fit, 0))
        return cases[start : start + fit]


def entry(progress: Progress) -> Text:
    """How far a step is: '3/4…'."""
    tally = progress.tally
    ended = tally.trials - progress.num_running
    if not (ended or progress.num_running):
        return Text(MARKS["not_run"] if progress.num_left else "")
    state: State = "learns" if tally.is_above_half else "fails" if tally.is_below_half else "unknown"
    mark = MARKS[state] if state != "unknown" else ""
    return Text(f"{tally.learned}/{ended}{mark}{'…' * (progress.num_running > 0)}", style=_STYLES[state])


def _heading(case: Case) -> Text:
    lines = [line for part in case_words(case) for line in label_lines(part, _COLUMN_WIDTH - 1)]
    return Text("\n".join(lines), style="bold")
