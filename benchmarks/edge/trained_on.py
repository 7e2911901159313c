"""Which failed trainings learn within three times their updates: python -m benchmarks.edge.trained_on.

By the truth tables of adding, whose validation loss is the metric, so that their whole curves are known:
those that were rising when the map's updates ended, and those that were not, by the rules of the diagnosis.
"""

import sys
from collections import Counter
from collections.abc import Iterator

from benchmarks.edge.tables import TIMES_BUDGET, Curve, Table
from benchmarks.edge.train import config_of
from benchmarks.results_file import table, write_results
from failmap.analysis.diagnosis.course import course
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.records import SPENT, Evaluation, Summary, TrialRecord

TITLE = "Failed trainings within more updates"
TABLES = ("adding", "width")
#: Mean squared error of the best constant: the variance of the sum of two numbers between 0 and 1.
_CHANCE = 1 / 6
_RISING = ("on_the_way", "creeping", "jumped_late")


def main() -> int:
    """Print the table, and write the page."""
    rows = []
    for name in TABLES:
        found = Counter(learn_later(Table(name)))
        rows.append([name, *(_share(found, is_rising=one) for one in (True, False))])
    columns = ("failed within the map's updates", "rising: learned later", "not rising: learned later")
    body = f"Within {TIMES_BUDGET} times the map's updates.\n\n{table(columns, rows)}"
    write_results("edge-trained-on", TITLE, body)
    return 0


def learn_later(truth: Table) -> Iterator[tuple[bool, bool]]:
    """Yield of each training that failed in the map's updates whether it was rising, and learned later."""
    for curve in truth.curves():
        if not curve.has_learned_within(truth.max_updates):
            record, history = as_trial(truth, curve)
            name = course(TrainingCurves(record, history, is_blind=False)).name
            yield name in _RISING, curve.learned_at is not None


def as_trial(truth: Table, curve: Curve) -> tuple[TrialRecord, list[Evaluation]]:
    """Return what the map would have recorded of a training that failed within its updates."""
    cell = next(cell for cell in truth.cells() if cell.values == curve.labels)
    config = config_of(truth, cell, curve.seed, times=1)
    every = config.train.evaluate_every
    history = []
    for number in range(truth.max_updates // every):
        score = curve.scores[number] / 1000
        error = (1 - score) * _CHANCE
        history.append(Evaluation((number + 1) * every, 0.0, curve.losses[number], error, error, score))
    scores = [one.score for one in history]
    summary = Summary(
        "failed",
        SPENT,
        updates=truth.max_updates,
        score=scores[-1],
        best_score=max(scores),
        target_score=0.95,
        metric="mean_squared_error",
        chance_metric=_CHANCE,
        target_metric=0.05 * _CHANCE,
        chance_loss=_CHANCE,
        loss_floor=0.0,
        best_possible_loss=0.0,
    )
    values = config.model_dump(mode="json")
    record = TrialRecord(0, 1, values, cell.as_dict(), {}, 0, "default", curve.seed, "", None, summary)
    return record, history


def _share(found: Counter[tuple[bool, bool]], *, is_rising: bool) -> str:
    learned, others = found[is_rising, True], found[is_rising, False]
    return f"{learned} of {learned + others}"


if __name__ == "__main__":
    sys.exit(main())
