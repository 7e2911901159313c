"""The plan of an ablation: from a trial that learned, one thing is taken away at a time."""

from collections.abc import Sequence

from failmap.analysis.errors import UserError
from failmap.analysis.load import Run
from failmap.analysis.records import TrialRecord
from failmap.analysis.wording import count_words
from failmap.search.cost import relative_cost
from failmap.search.interventions.ladder import base_step
from failmap.search.interventions.plan import Case, Plan, Step
from failmap.search.interventions.request import AblationRequest
from failmap.search.interventions.rescue_plan import max_interventions
from failmap.search.interventions.settings import apply
from failmap.search.interventions.takeaways import takeaways
from failmap.search.interventions.words import cell_words
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig

#: Trials that a message names at most.
_MAX_NAMED = 5


def plan_ablation(request: AblationRequest, run: Run) -> Plan:
    """What is tried, from what the trial has.

    Raises:
        UserError: there is no such trial, it did not learn, or nothing can be taken away.
    """
    config = request.session.config
    record = _learned(run.records, request.trial)
    cell = Cell(tuple((path, record.cell[path]) for path in config.space.map.paths))
    trial = TrialConfig.model_validate(record.config)
    steps = [
        Step(name, changes, "", request.seeds, relative_cost(apply(trial, changes)))
        for name, changes in takeaways(trial).items()
    ]
    if not steps:
        raise UserError(f"trial={request.trial}: it has nothing that can be taken away")
    case = Case(
        kind="ablation",
        cell=cell,
        recipe_index=record.recipe_index,
        recipe=config.space.recipe_values(record.recipe),
        config=trial,
        base=record.number,
        steps=(base_step(trial, request.seeds), *steps),
        intervention=record.intervention,
        why=(f"trial {record.number} learned in {cell_words(cell)}, seed {record.seed}",),
    )
    return Plan(
        run=request.session.folder.name,
        cases=(case,),
        seeds=range(config.seed, config.seed + request.seeds),
        max_trials=max_interventions(request.session.max_trials, run.records),
    )


def _learned(records: Sequence[TrialRecord], number: int) -> TrialRecord:
    """The trial of a number. Raises UserError where there is none, or where it did not learn."""
    found = next((record for record in records if record.number == number), None)
    if found is None:
        numbers = f"its trials are 0 to {records[-1].number}" if records else "it has no trial yet"
        raise UserError(f"trial={number}: the run has no such trial; {numbers}")
    outcome = found.summary.outcome if found.summary else None
    if outcome != "learned":
        told = "has not ended" if outcome is None else f"ended as {outcome}"
        raise UserError(
            f"trial={number}: it {told}, and only what learned can lose something; {_known(records)}"
        )
    return found


def _known(records: Sequence[TrialRecord]) -> str:
    """Trials that learned, in a few words."""
    numbers = [str(one.number) for one in records if one.summary and one.summary.outcome == "learned"]
    if not numbers:
        return "no trial of the run learned"
    more = f" and {count_words(len(numbers) - _MAX_NAMED, 'other')}" if len(numbers) > _MAX_NAMED else ""
    return f"those that did: {', '.join(numbers[:_MAX_NAMED])}{more}"
