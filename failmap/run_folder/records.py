"""The contract between a search and its readers: the run folder and what a trial leaves behind."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, ConfigDict, WrapValidator

from failmap.run_folder.parsing import CHECKED, FINITE_JSON, Count, Plain, Whole, parse, parse_values
from failmap.run_folder.storage.bounded_files import bounded_lines
from failmap.run_folder.storage.location import AnyPath

Outcome = Literal["learned", "failed", "censored", "errored"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

#: Why the study began a trial: to try the default recipe, to try another one, to confirm on fresh seeds a
#: recipe that was chosen among several, or to change one thing about a trial (see `Intervention`).
Purpose = Literal["default", "explore", "confirm", "intervene"]

FaultKind = Literal["preempted", "lost", "hung", "error", "out_of_memory"]


def _nan_for_null(value: Any, checked: Callable[[Any], float]) -> float:
    return math.nan if value is None else checked(value)


def _require_levels(levels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for level in levels:
        if not isinstance(level.get("name"), str):
            raise ValueError("a level has no name")
        if any(type(level.get(key)) not in (int, float) for key in ("metric", "loss")):
            raise ValueError(f"the level {level['name']!a} has no numbers")
    return levels


#: What a summary says as NaN where nobody knows it, and JSON as null.
OrUnknown = Annotated[float, WrapValidator(_nan_for_null)]
#: Levels between chance and perfection: see `Summary.partial_solutions`.
Levels = Annotated[list[dict[str, Plain]], AfterValidator(_require_levels)]
#: Settings and labels by dotted path, or nested.
Values = dict[str, Plain]

#: The keys of a line of a history as they are written, and the types of their values where all are known.
_FIELDS = ("update", "seconds", "train_loss", "validation_loss", "metric", "score", "signals")
_USUAL = {(int, float, *losses, float, dict) for losses in product((float, type(None)), repeat=3)}


@dataclass(frozen=True)
class Evaluation:
    """One measurement on validation data.

    Attributes:
        update: optimizer steps done.
        seconds: training time until now, over all attempts.
        train_loss: mean over the updates since the last evaluation; None where not finite.
        validation_loss: None where not finite.
        metric: accuracy or mean squared error on validation data; None where not finite.
        score: skill, 0 at chance, 1 perfect, never below -1; always finite.
        signals: what the probes measured, by name (docs/signals.md); None stands for not finite.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    update: Count
    seconds: float
    train_loss: float | None
    validation_loss: float | None
    metric: float | None
    score: float
    signals: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """One line of history.jsonl, without its newline."""
        return json.dumps(asdict(self), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_line(cls, line: str) -> "Evaluation":
        """Reads a line of history.jsonl. Raises ValueError where it is not one.

        Signals may be of any shape, for what is measured grows; the numbers in them are finite.
        """
        # A report reads hundreds of thousands of lines, and nearly all of them are as we write them: what is
        # checked here alone takes a third of the time of what follows.
        try:
            values = FINITE_JSON.decode(line)
            # Half of a surrogate pair, which no file can hold, hides behind \u alone.
            if (
                "\\u" not in line
                and tuple(values) == _FIELDS
                and tuple(map(type, values.values())) in _USUAL
                and values["update"] >= 0
            ):
                return cls(**values)
        except (ValueError, TypeError, RecursionError):
            pass
        evaluation = parse(cls, line, "an evaluation")
        parse_values(Values, evaluation.signals, "signals")
        return evaluation


@dataclass(frozen=True)
class Summary:
    """The end of a training, as its worker reports it.

    Attributes:
        outcome: None for a training that was interrupted and can continue.
        reason: one line: 'criterion met', 'update budget spent', 'not finite: ...', the error's text.
        updates: optimizer steps done.
        seconds: training time over all attempts.
        score: at the last evaluation.
        best_score: at the best evaluation.
        target_score: the criterion as a score.
        metric: what the task is measured in, and
        chance_metric, target_metric: what blind guessing gets of it, and the criterion.
        chance_loss: what blind guessing gets of the loss that trains.
        loss_floor: the least that this loss can come to with the output head; NaN where that has no end.
        best_possible_loss: the same at the best outputs of all, reachable or not; NaN where it has no end.
        partial_solutions: known levels between chance and perfection, the worst first: each
            {'name': what is understood there, 'metric': the task's, 'loss': the natural one of its targets}.
        has_every_input: validation holds every distinct input there is, those that were trained on included.
        num_parameters: of the network.
        host: name of the machine that trained it.
        first_nonfinite: {'tensor': name, 'update': int} of a diverged training.
        test_metric, test_score: only where the run asked for them.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    outcome: Outcome | None
    reason: str
    updates: Count = 0
    seconds: float = 0.0
    score: float = 0.0
    best_score: float = 0.0
    target_score: OrUnknown = math.nan
    metric: str = ""
    chance_metric: OrUnknown = math.nan
    target_metric: OrUnknown = math.nan
    chance_loss: OrUnknown = math.nan
    loss_floor: OrUnknown = math.nan
    best_possible_loss: OrUnknown = math.nan
    partial_solutions: Levels = field(default_factory=list)
    has_every_input: bool = False
    num_parameters: Count = 0
    host: str = ""
    first_nonfinite: Values | None = None
    test_metric: float | None = None
    test_score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its values by name, for JSON: None stands for what is not finite."""
        values: dict[str, Any] = _finite(vars(self))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Summary":
        """The inverse of `to_dict`. Raises ValueError for unknown or missing names, and for wrong types."""
        return parse_values(cls, dict(values), "a summary")


@dataclass(frozen=True)
class Intervention:
    """One thing that was changed about a trial, to see what comes of it.

    Attributes:
        kind: 'rescue' tries a fix where a cell fails; 'ablation' takes something away from a recipe that
            learned; 'donor' trains once more, with the weights kept, what another trial is to start from.
        name: of the fix (`analysis.diagnosis.causes`), or of what was taken away; 'as_it_was' where nothing
            is changed, for seeds that the trials of before lack.
        changes: what was set, by dotted path.
        base: what was changed: a recipe's index in the cell (rescue, donor), or a trial's number (ablation).
        cause: what the fix was meant against; '' where nobody said.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    kind: Literal["rescue", "ablation", "donor"]
    name: str
    changes: Values
    base: Whole
    cause: str = ""


@dataclass(frozen=True)
class Fault:
    """The end of an attempt whose training was not over.

    Attributes:
        attempt: Number of the attempt, from 1.
        kind: 'preempted': its worker was asked to leave, and saved itself; 'lost': its worker or node died;
            'hung': no evaluation came for too long; 'error': its code raised; 'out_of_memory': on the GPU.
        reason: one line.
        at: ISO 8601 with zone.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    attempt: Count
    kind: FaultKind
    reason: str
    at: str


@dataclass(frozen=True)
class Origin:
    """The run in which a merged trial was made.

    Attributes:
        run: Its name.
        number: The trial's number in it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    run: str
    number: Count


@dataclass(frozen=True)
class TrialRecord:
    """The driver's record of a trial, written after the journal.

    Attributes:
        number: Optuna's, unique in the run.
        attempt: how often the trial was started, from 1.
        config: the TrialConfig, complete.
        cell: map axes and facet by dotted path.
        recipe: all other axes by dotted path; a joint choice by its axis' name, as one line.
        recipe_index: 0 for the default recipe.
        purpose: why the study began it.
        seed: the trial's.
        started, ended: ISO 8601 with zone; ended is None while it runs or waits to be resumed.
        summary: None until it has ended.
        intervention: what was changed, where its purpose is 'intervene'. Such a trial is no evidence of its
            cell: recipe and recipe_index are those of what was changed.
        faults: what ended earlier starts of it.
        batch_halvings: how often its batch was halved, for it did not fit into the GPU's memory: `config` has
            the batch that was trained with.
        origin: of a trial that search.merge took over, in the run in which it was begun.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    number: Count
    attempt: Count
    config: Values
    cell: Values
    recipe: Values
    recipe_index: Count
    purpose: Purpose
    seed: Whole
    started: str
    ended: str | None = None
    summary: Summary | None = None
    intervention: Intervention | None = None
    faults: tuple[Fault, ...] = ()
    batch_halvings: Count = 0
    origin: Origin | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How the trial ended; None until it has."""
        return None if self.summary is None else self.summary.outcome

    def to_json(self) -> str:
        """The text of record.json."""
        summary = None if self.summary is None else self.summary.to_dict()
        intervention = None if self.intervention is None else asdict(self.intervention)
        faults = [asdict(fault) for fault in self.faults]
        values = {**vars(self), "summary": summary, "intervention": intervention, "faults": faults}
        values["origin"] = None if self.origin is None else asdict(self.origin)
        return json.dumps(_finite(values), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrialRecord":
        """Reads record.json. Raises ParseError, a ValueError, where it is not one."""
        return parse(cls, text, "a trial's record")


def read_history(path: AnyPath) -> Iterator[Evaluation]:
    """The evaluations in a history.jsonl on this machine; none where it is missing.

    Raises:
        ValueError: as `parse_history` does.
        OSError: it cannot be read, or is larger than a history can be.
    """
    if path.exists():
        yield from parse_history(bounded_lines(Path(str(path))), str(path))


def parse_history(lines: Iterable[bytes], name: str) -> Iterator[Evaluation]:
    """The evaluations in lines; a torn last line, of a worker that was killed, is left out.

    Args:
        lines: each with its newline.
        name: of what they were read from.

    Raises:
        ValueError: a line before the last is not an evaluation; the line is named.
    """
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            return
        try:
            yield Evaluation.from_line(line.decode("utf-8"))
        except ValueError as error:
            raise ValueError(f"{name}, line {number}: {error}") from None


def _finite(value: Any) -> Any:
    """The same value with None for every float that JSON has no word for, and texts that UTF-8 can hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
