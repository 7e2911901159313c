"""The plan of an ablation: remove one setting at a time from a trial that learned."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from failmap.analysis.load import Run
from failmap.datasets.config import GeneratedTaskConfig
from failmap.models.config import RecurrentConfig
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import quantity
from failmap.search.interventions.fixes import RATE_FACTOR
from failmap.search.interventions.plan import (
    UNCHANGED,
    Case,
    Changes,
    Plan,
    effective_changes,
    has_stored_weights,
    make_plan,
    make_step,
    new_optimizer,
    rounded,
)
from failmap.search.interventions.request import AblationArguments, Session
from failmap.search.interventions.view import cell_display
from failmap.search.trial.config import TrialConfig

#: Learning rate of plain SGD: another optimizer's rate means another step size.
SGD_RATE = 0.1

#: Trials named in a message.
_MAX_NAMED = 5

#: The simplest setting of each kind, by display name.
_SIMPLEST: Mapping[str, Changes] = {
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
    """Return the valid ablations of a trial by display name, such as 'no gradient clipping'.

    Settings are replaced by their simplest value, and sizes are reduced. The learning rate moves both ways,
    which shows whether it was at the edge of what works.
    """
    named = ((name, effective_changes(config, changes)) for name, changes in _candidates(config))
    return {name: changes for name, changes in named if changes}


def _candidates(config: TrialConfig) -> Iterator[tuple[str, Changes]]:
    yield from _SIMPLEST.items()
    if isinstance(config.task, GeneratedTaskConfig) and config.task.can_ask_at_last_step:
        yield "a label at the last step only", {"task.supervision": "last"}
    model, train = config.model, config.train
    widths = list(model.layer_widths) if isinstance(model, RecurrentConfig) and model.widths else None
    fewer: Changes = {"model.depth": model.depth - 1}
    yield "one layer less", fewer | ({"model.widths": _joined(widths[:-1])} if widths else {})
    if not has_stored_weights(config):
        if widths:
            yield "half the width", {"model.widths": _joined(map(_half, widths))}
        else:
            yield "half the width", {"model.hidden_size": _half(model.hidden_size)}
    if train.batch_size != "full":
        yield "a quarter of the batch", {"train.batch_size": max(1, train.batch_size // 4)}
    if train.optimizer != "sgd":
        yield f"SGD at a learning rate of {SGD_RATE:g}", new_optimizer(train, "sgd", SGD_RATE)
    yield "three times the learning rate", {"train.learning_rate": rounded(train.peak_rate * RATE_FACTOR)}
    yield "a third of the learning rate", {"train.learning_rate": rounded(train.peak_rate / RATE_FACTOR)}


def _half(width: int) -> int:
    return max(1, width // 2)


def _joined(widths: Iterable[int]) -> str:
    return "-".join(map(str, widths))


def plan_ablation(session: Session[AblationArguments], run: Run) -> Plan:
    """Plan the ablations of a trial.

    Raises:
        UserError: The run has no such trial, it did not learn, or nothing can be removed.
    """
    config, number = session.config, session.arguments.trial
    record = _find_learned(run.records, number)
    cell = config.space.cell(record.cell)
    trial = TrialConfig.model_validate(record.config)
    steps = [make_step(trial, name, changes) for name, changes in removable_settings(trial).items()]
    if not steps:
        raise UserError(f"trial={number}: no setting of it can be removed")
    case = Case(
        kind="ablation",
        cell=cell,
        recipe_index=record.recipe_index,
        recipe=config.space.recipe_values(record.recipe),
        config=trial,
        base=record.number,
        steps=(make_step(trial, UNCHANGED, {}), *steps),
        intervention=record.intervention,
        reasons=(f"trial {record.number} learned in {cell_display(cell)}, seed {record.seed}",),
    )
    return make_plan(session, run.records, [case])


def _find_learned(records: Sequence[TrialRecord], number: int) -> TrialRecord:
    """Return a trial by number. Raises UserError if there is none, or if it did not learn."""
    found = next((record for record in records if record.number == number), None)
    if found is None:
        numbers = f"its trials are 0 to {records[-1].number}" if records else "it has no trial yet"
        raise UserError(f"trial={number}: the run has no such trial; {numbers}")
    if found.outcome != "learned":
        status = "has not ended" if found.outcome is None else f"ended as {found.outcome}"
        learned = [str(record.number) for record in records if record.outcome == "learned"]
        known = ", ".join(learned[:_MAX_NAMED]) or "the run has none"
        if len(learned) > _MAX_NAMED:
            known += f" and {quantity(len(learned) - _MAX_NAMED, 'other')}"
        raise UserError(f"trial={number}: it {status}; an ablation needs a trial that learned: {known}")
    return found
