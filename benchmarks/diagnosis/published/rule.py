"""Rules of published tools: when they fire, and the causes for which they are right."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.diagnosis.judge import Finding, Judge
from failmap.analysis.diagnosis import Cause
from failmap.run_folder.records import Evaluation, TrialRecord

#: Returns the index of the evaluation at which a rule fires first, or None if it never does.
FiresAt = Callable[[TrialRecord, Sequence[Evaluation]], int | None]


@dataclass(frozen=True)
class Rule:
    """One rule of a published tool.

    Attributes:
        name: its authors' name for it.
        right_for: causes for which it counts as right, generously: a rule that names a symptom is right for
            all causes with hardly any other symptom.
        fires_at: returns when it fires.
    """

    name: str
    right_for: frozenset[Cause]
    fires_at: FiresAt


def judge_by(rules: Sequence[Rule]) -> Judge:
    """Return a tool whose findings are the rules that fire, ordered by time, then as given."""

    def judge(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[Finding, ...]:
        fired = [(index, rule) for rule in rules if (index := rule.fires_at(record, history)) is not None]
        return tuple(
            Finding(rule.name, rule.right_for, f"fires at update {history[index].update}")
            for index, rule in sorted(fired, key=lambda pair: pair[0])
        )

    return judge


def whenever(holds: Callable[[TrialRecord, Evaluation], bool]) -> FiresAt:
    """Return a rule that checks one evaluation at a time."""

    def fires_at(record: TrialRecord, history: Sequence[Evaluation]) -> int | None:
        return next((index for index, one in enumerate(history) if holds(record, one)), None)

    return fires_at


def by_part(evaluation: Evaluation, signal: str) -> dict[str, float]:
    """Return a signal by part of the network, without parts for which it is not finite."""
    values: Mapping[str, float | None] = evaluation.signals.get(signal, {})
    return {name: value for name, value in values.items() if value is not None}


def is_finite(evaluation: Evaluation) -> bool:
    """Return whether all losses and signals are finite; others are stored as None."""
    losses = (evaluation.train_loss, evaluation.validation_loss)
    return None not in losses and None not in _leaves(evaluation.signals)


def num_parameters(record: TrialRecord) -> int:
    """Return the number of parameters of the network."""
    assert record.summary is not None, "the benchmark's records have summaries"
    return max(1, record.summary.num_parameters)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
