"""What a network that fails at a length can start from: one that learned a shorter length."""

from collections.abc import Sequence

from failmap.analysis.records import TrialRecord
from failmap.search.interventions.plan import Donor
from failmap.search.space import Cell, Space
from failmap.search.trial.config import TrialConfig

LENGTH = "task.sequence_length"


def nearest_shorter(
    space: Space, cell: Cell, base: TrialRecord, records: Sequence[TrialRecord]
) -> Donor | None:
    """The longest of the shorter cells in which the same recipe learned; None where there is none.

    Args:
        space: of the run.
        cell: that fails.
        base: one of its trials.
        records: of the run, interventions left out.
    """
    labels = cell.as_dict()
    if LENGTH not in labels:
        return None
    elsewhere = {path: label for path, label in labels.items() if path != LENGTH}
    learned = [
        record
        for record in records
        if record.summary is not None
        and record.summary.outcome == "learned"
        and record.recipe == base.recipe
        and elsewhere.items() <= record.cell.items()
        and record.cell[LENGTH] < labels[LENGTH]
    ]
    if not learned:
        return None
    length = max(record.cell[LENGTH] for record in learned)
    nearest = [record for record in learned if record.cell[LENGTH] == length]
    first = nearest[0]
    return Donor(
        cell=Cell(tuple((path, first.cell[path]) for path in space.map.paths)),
        recipe_index=first.recipe_index,
        recipe=space.recipe_values(first.recipe),
        config=TrialConfig.model_validate(first.config),
        seeds=tuple(dict.fromkeys(record.seed for record in nearest)),
    )
