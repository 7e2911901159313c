"""The plan of an ablation: from a trial that learned, one thing is taken away at a time."""

from collections.abc import Iterator, Mapping, Sequence

from failmap.analysis.load import Run
from failmap.datasets.config import GeneratedTaskConfig
from failmap.models.config import RecurrentConfig
from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import flatten
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import quantity
from failmap.search.cost import relative_cost
from failmap.search.interventions.fixes import RATE_FACTOR
from failmap.search.interventions.plan import (
    Case,
    Changes,
    Plan,
    Step,
    apply,
    fits,
    new_optimizer,
    only_new,
    tidy,
)
from failmap.search.interventions.request import AblationRequest
from failmap.search.interventions.rescue_plan import base_step, max_interventions
from failmap.search.interventions.view import cell_display
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.train_config import TrainConfig

#: The rate that plain SGD gets in place of another optimizer's, which means another length of step there.
SGD_RATE = 0.1
#: What is left of a batch and of a width.
BATCH_DIVISOR, WIDTH_DIVISOR = 4, 2

#: What is plainest, by dotted path, and how it is called.
_PLAINEST: Mapping[str, Changes] = {
    "no gradient clipping": {"train.clip_norm": None},
    "no clipping of single entries": {"train.clip_value": None},
    "no warm-up": {"train.warmup_updates": 0},
    "a constant learning rate": {"train.schedule": "constant"},
    "no momentum": {"train.momentum": 0.0, "train.nesterov": False},
    "no weight decay": {"train.weight_decay": 0.0},
    "no L2 penalty": {"train.l2_penalty": 0.0},
    "no dropout": {"model.dropout": 0.0},
    "no variational dropout": {"model.variational_dropout": 0.0},
    "no residual connections": {"model.residual": False},
    "no highway connections": {"model.highway": False},
    "no layer norm": {"model.layer_norm": False},
    "no batch norm": {"model.batch_norm": False},
    "no chrono biases": {"model.chrono": False},
    "no forget bias": {"model.forget_bias": None},
    "torch's initialization": {"model.initialization": "torch"},
    "one direction": {"model.bidirectional": False},
    "no view of the lower layers": {"model.readout_from": "top"},
    "no start from another network": {"model.start_from": None},
    "no frozen layer": {"model.frozen_layers": 0},
    "one length": {"task.length_distribution": "fixed"},
}


def removable_settings(config: TrialConfig) -> dict[str, Changes]:
    """Each change by what is left, in words: 'no gradient clipping', 'half the width'.

    A setting is put to the plainest one where it is another; what has no plainest one is made less. The
    learning rate is moved both ways, which shows whether it stood at an edge. What no trial may have is left
    out.
    """
    named = ((name, only_new(config, changes)) for name, changes in _candidates(config))
    return {name: changes for name, changes in named if changes and fits(config, changes)}


def _candidates(config: TrialConfig) -> Iterator[tuple[str, Changes]]:
    there = dict(flatten(config.model_dump()))
    for name, changes in _PLAINEST.items():
        if changes.keys() <= there.keys():
            yield name, changes
    if isinstance(config.task, GeneratedTaskConfig) and config.task.can_ask_at_last_step:
        yield "a label at the last step only", {"task.supervision": "last"}
    yield from _smaller_networks(config)
    yield from _other_steps(config.train)


def _smaller_networks(config: TrialConfig) -> Iterator[tuple[str, Changes]]:
    """A layer less, the topmost; and every layer of half the width, unless stored weights say which."""
    model = config.model
    widths = list(model.layer_widths) if isinstance(model, RecurrentConfig) and model.widths else None
    if model.depth > 1:
        fewer = {"model.depth": model.depth - 1}
        yield "one layer less", fewer | ({"model.widths": _joined(widths[:-1])} if widths else {})
    if isinstance(model, RecurrentConfig) and model.start_from is not None:
        return
    if widths:
        yield "half the width", {"model.widths": _joined([_half(width) for width in widths])}
    else:
        yield "half the width", {"model.hidden_size": _half(model.hidden_size)}


def _other_steps(train: TrainConfig) -> Iterator[tuple[str, Changes]]:
    """A smaller batch, plain SGD, and learning rates on both sides."""
    if train.batch_size != "full":
        yield "a quarter of the batch", {"train.batch_size": max(1, train.batch_size // BATCH_DIVISOR)}
    if train.optimizer != "sgd":
        yield f"SGD at a learning rate of {SGD_RATE:g}", new_optimizer(train, "sgd", SGD_RATE)
    yield "three times the learning rate", {"train.learning_rate": tidy(train.peak_rate * RATE_FACTOR)}
    yield "a third of the learning rate", {"train.learning_rate": tidy(train.peak_rate / RATE_FACTOR)}


def _half(width: int) -> int:
    return max(1, width // WIDTH_DIVISOR)


def _joined(widths: list[int]) -> str:
    return "-".join(map(str, widths))


#: Trials that a message names at most.
_MAX_NAMED = 5


def plan_ablation(request: AblationRequest, run: Run) -> Plan:
    """What is tried, from what the trial has.

    Raises:
        UserError: there is no such trial, it did not learn, or nothing can be taken away.
    """
    config = request.session.config
    record = _learned(run.records, request.trial)
    cell = config.space.cell(record.cell)
    trial = TrialConfig.model_validate(record.config)
    steps = [
        Step(name, changes, "", request.seeds, relative_cost(apply(trial, changes)))
        for name, changes in removable_settings(trial).items()
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
        why=(f"trial {record.number} learned in {cell_display(cell)}, seed {record.seed}",),
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
    more = f" and {quantity(len(numbers) - _MAX_NAMED, 'other')}" if len(numbers) > _MAX_NAMED else ""
    return f"those that did: {', '.join(numbers[:_MAX_NAMED])}{more}"
