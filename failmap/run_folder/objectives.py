"""The objectives of a run of goal=best: numbers of each trial, and the direction in which they are better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from failmap.run_folder.errors import nearest

Direction = Literal["maximize", "minimize"]

#: Numbers of every evaluation, by the names of `records.Evaluation`; the best evaluation counts.
OF_EVALUATIONS: dict[str, Direction] = {
    "score": "maximize",
    "validation_loss": "minimize",
    "train_loss": "minimize",
}
#: Losses of every evaluation that do not depend on `output.loss`; of built-in trainings only.
OF_SIGNALS: dict[str, Direction] = {"mean_squared_error": "minimize", "cross_entropy": "minimize"}
#: Numbers of a whole trial, by the names of `records.Summary`.
OF_TRIALS: dict[str, tuple[str, Direction]] = {
    "parameters": ("num_parameters", "minimize"),
    "seconds": ("seconds", "minimize"),
}
_DIRECTIONS: dict[str, Direction] = {"max": "maximize", "min": "minimize"}


@dataclass(frozen=True)
class Objective:
    """One number to optimise.

    Attributes:
        name: `score`, `validation_loss`, `parameters` and so on; of an own function also its own signal's.
        direction: As in Optuna.
    """

    name: str
    direction: Direction

    @property
    def sign(self) -> float:
        """Return the factor that makes larger values better."""
        return 1.0 if self.direction == "maximize" else -1.0

    @property
    def is_of_evaluations(self) -> bool:
        """Return whether every evaluation has this number, and not only a whole trial."""
        return self.name not in OF_TRIALS

    def at(self, evaluation: Mapping[str, Any]) -> float | None:
        """Return the number in an evaluation, by the names of its fields; None if it is not there."""
        if self.name in OF_EVALUATIONS:
            value = evaluation.get(self.name)
        else:
            signals = evaluation.get("signals") or {}
            value = signals.get(self.name, (signals.get("losses") or {}).get(self.name))
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def parse_objective(text: str, *, is_own: bool) -> Objective:
    """Return the objective that a text names: `score`, or `f1:max` for a signal of an own function.

    Raises:
        ValueError: There is no such number, or its direction is missing or fixed already.
    """
    name, colon, end = text.partition(":")
    known = (
        OF_EVALUATIONS | {key: way for key, (_, way) in OF_TRIALS.items()} | ({} if is_own else OF_SIGNALS)
    )
    if is_own:
        # Only built-in networks are counted.
        known.pop("parameters")
    if name in known:
        direction = known[name]
        if colon and _DIRECTIONS.get(end) != direction:
            raise ValueError(f"objective={text}: {name} is {direction}d, which needs no {colon}{end}")
        return Objective(name, direction)
    if is_own and name and end in _DIRECTIONS:
        return Objective(name, _DIRECTIONS[end])
    if is_own:
        raise ValueError(
            f"objective={text}: is neither of {', '.join(known)}; a signal that your function reports needs "
            f"a direction: objective={name}:max or objective={name}:min"
        )
    raise ValueError(f"objective={text}: no such number of a trial{nearest(name, known)}")


def parse_objectives(texts: Sequence[str], *, is_own: bool) -> tuple[Objective, ...]:
    """Return the objectives that texts name.

    Raises:
        ValueError: With a line for each mistake.
    """
    objectives, problems = [], []
    for text in texts:
        try:
            objectives.append(parse_objective(text, is_own=is_own))
        except ValueError as error:
            problems.append(str(error))
    names = [one.name for one in objectives]
    problems += (
        f"objective: {name} is named twice" for name in dict.fromkeys(names) if names.count(name) > 1
    )
    if not problems and not any(one.is_of_evaluations for one in objectives):
        problems.append(
            f"objective={','.join(texts)}: needs a number that training improves, such as score, beside it"
        )
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(objectives)
