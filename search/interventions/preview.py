"""What will be tried, told before it begins: cells, causes, what is changed, and what it costs."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from failmap.analysis.records import TrialRecord
from failmap.analysis.wording import count_words, duration_text
from failmap.search.agenda import Agenda
from failmap.search.config import RunConfig
from failmap.search.cost import machine_factor
from failmap.search.interventions.agenda import InterventionAgenda
from failmap.search.interventions.plan import Case
from failmap.search.interventions.view import entry
from failmap.search.interventions.words import case_words, changes_words, step_words
from failmap.search.loading.fields import shown
from failmap.search.pace import seconds_per_cost
from failmap.search.plan import num_slots
from failmap.search.space import Space
from failmap.search.wants import note_of_record


def tell(agenda: Agenda, space: Space, records: Sequence[TrialRecord]) -> None:
    """Tells an agenda of the trials that records are of, as a study would."""
    for record in records:
        agenda.begin(note_of_record(record, space), record.recipe)


def show_preview(
    agenda: InterventionAgenda, config: RunConfig, records: Sequence[TrialRecord], console: Console
) -> None:
    """Prints what an agenda, told of all trials, has ahead of it."""
    # What trials of this run took here says more than a nominal second of training.
    factor = seconds_per_cost(records) or machine_factor()
    for case in agenda.plan.cases:
        console.print(Text(", ".join(case_words(case)), style="bold"))
        for line in case.why:
            console.print(Text(f"  {line}"), soft_wrap=True)
        console.print(_steps(agenda, case, lambda cost: duration_text(cost * factor)))
    for note in agenda.plan.notes:
        console.print(Text(note), soft_wrap=True)
    console.print(Text(_summary(agenda, config, factor)), soft_wrap=True)


def _steps(agenda: InterventionAgenda, case: Case, duration: Callable[[float], str]) -> Table:
    table = Table("what is changed", "learned", "a trial", "sets", box=None)
    table.columns[0].ratio, table.columns[3].ratio = 3, 2
    for step in agenda.steps(case):
        against = f" (against {step.cause.replace('_', ' ')})" if step.cause not in ("", case.cause) else ""
        table.add_row(
            f"{step_words(step)}{against}",
            entry(agenda.progress(case, step)),
            duration(step.cost),
            Text(changes_words(step), overflow="fold"),
        )
    return table


def _summary(agenda: InterventionAgenda, config: RunConfig, factor: float) -> str:
    num_seeds = len(agenda.plan.seeds)
    if not agenda.num_left():
        return (
            f"Each change was tried on {count_words(num_seeds, 'seed')}, or given up; nothing is left to try."
        )
    duration = duration_text(agenda.cost_left() * factor / num_slots(config))
    slots = count_words(num_slots(config), "slot")
    minutes = config.budget.minutes
    limit = "" if minutes is None else f"; this session ends after {shown(minutes)} minutes"
    return (
        f"{count_words(agenda.num_left(), 'trial')} at most, {duration} at most on {slots}{limit}. "
        f"Each change on {count_words(num_seeds, 'seed')}, the same as without it; one with which surely "
        "less than half of them learn is given up, and what learns ends early."
    )
