"""The best evaluation of a trial that optimises something: its numbers, and the weights that it had."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from failmap.run_folder.objectives import OF_TRIALS, Objective
from failmap.run_folder.records import Evaluation, Summary
from failmap.search.trial.criterion import Progress


class BestEvaluation:
    """Keeps the best evaluation so far by the first objective that evaluations have.

    Args:
        objectives: The run's; none if it optimises nothing.
        keeps_weights: Whether the weights are kept as well.

    Attributes:
        weights: The network's state at that evaluation, copied; empty before the first.
    """

    def __init__(self, objectives: Sequence[Objective], *, keeps_weights: bool) -> None:
        self._objectives = objectives
        self._leading = next((index for index, one in enumerate(objectives) if one.is_of_evaluations), None)
        self._keeps_weights = keeps_weights
        self.weights: dict[str, Tensor] = {}

    def see(self, progress: Progress, evaluation: Evaluation, model: nn.Module | None = None) -> None:
        """Compare an evaluation with the best one, and keep the better of both in the progress."""
        if self._leading is None:
            return
        values = self.values_at(evaluation)
        new, before = values[self._leading], progress.best_values
        if new is None:
            return
        sign = self._objectives[self._leading].sign
        if before is not None and (old := before[self._leading]) is not None and sign * new <= sign * old:
            return
        progress.best_values, progress.best_update = values, evaluation.update
        if self._keeps_weights and model is not None:
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def values_at(self, evaluation: Evaluation) -> list[float | None]:
        """Return the objectives at an evaluation, None for those of whole trials or where one is missing."""
        fields = vars(evaluation)
        return [one.at(fields) if one.is_of_evaluations else None for one in self._objectives]

    def now(self, evaluation: Evaluation) -> float | None:
        """Return the first objective at an evaluation, by which trials are compared while they train."""
        return None if self._leading is None else self.values_at(evaluation)[self._leading]


def final_values(
    objectives: Sequence[Objective], best: Sequence[float | None] | None, summary: Summary
) -> list[float]:
    """Return all objectives of a trial that has ended; none if its evaluations lacked one of them.

    Args:
        objectives: The run's.
        best: The objectives at the best evaluation; None if there was none.
        summary: The trial's end.
    """
    if best is None:
        return []
    values: list[float] = []
    whole: Mapping[str, float] = vars(summary)
    for objective, value in zip(objectives, best, strict=True):
        found = value if objective.is_of_evaluations else float(whole[OF_TRIALS[objective.name][0]])
        if found is None:
            return []
        values.append(found)
    return values
