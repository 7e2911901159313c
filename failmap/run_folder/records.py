"""The contract between a search and its readers: the records of trials and their histories."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, WrapValidator

from failmap.run_folder.parsing import Checked, Count, Plain, Whole, flatten, parse, parse_values, usual_json
from failmap.run_folder.storage.bounded_files import bounded_lines
from failmap.run_folder.storage.location import AnyPath

Outcome = Literal["learned", "failed", "censored", "errored"]

#: Why the study began a trial: to try the default recipe, to try another one, to confirm a recipe that was
#: chosen among several on fresh seeds, to change one thing about a trial (see `Intervention`), or to train a
#: failed one on. A training that no study began is 'watched'.
Purpose = Literal["default", "audit", "explore", "confirm", "intervene", "continue", "watched"]
#: Purposes of trials that are no evidence of their cell.
NO_EVIDENCE: frozenset[Purpose] = frozenset({"intervene", "continue"})

#: Reason of a trial that failed because its updates were spent.
SPENT = "update budget spent"

FaultKind = Literal["preempted", "lost", "hung", "error", "out_of_memory"]


def _require_levels(levels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for level in levels:
        numbers = level.get("metric"), level.get("loss")
        if not isinstance(level.get("name"), str) or not all(type(one) in (int, float) for one in numbers):
            raise ValueError(f"a level needs a name, a metric and a loss: {level!a}")
    return levels


#: A number that is NaN if unknown, and null in JSON.
OrUnknown = Annotated[float, WrapValidator(lambda value, check: math.nan if value is None else check(value))]
#: Levels between chance and perfection: see `Summary.partial_solutions`.
Levels = Annotated[list[dict[str, Plain]], AfterValidator(_require_levels)]
#: Settings and labels by dotted path, or nested.
Values = dict[str, Plain]

#: The keys of a line of a history in their order, and the usual types of their values.
_FIELDS = ("update", "seconds", "train_loss", "validation_loss", "metric", "score", "signals")
_USUAL = {(int, float, *losses, float, dict) for losses in product((float, type(None)), repeat=3)}


@dataclass(frozen=True)
class Evaluation(Checked):
    """One measurement on validation data.

    Attributes:
        update: Number of optimizer steps so far.
        seconds: Training time so far, over all attempts.
        train_loss: Mean over the updates since the last evaluation; None if not finite.
        validation_loss, metric: Loss, and accuracy or mean squared error; None if not finite.
        score: Skill: 0 at chance, 1 at perfection, at least -1; always finite.
        signals: Measurements of the probes by name (docs/signals.md), with None for what is not finite.
    """

    update: Count
    seconds: float
    train_loss: float | None
    validation_loss: float | None
    metric: float | None
    score: float
    signals: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """Return a line of history.jsonl, without its newline."""
        return json.dumps(asdict(self), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_line(cls, line: str) -> "Evaluation":
        """Parse a line of history.jsonl. Raises ValueError if it is not one.

        Signals may have any shape, but contain only finite numbers.
        """
        # A report reads hundreds of thousands of lines, nearly all of them exactly as `to_line` writes them.
        # This fast check takes a quarter of the time of the full one below.
        try:
            values = usual_json(line)
            # Only \u can stand for half of a surrogate pair, which no file can contain.
            if (
                "\\u" not in line
                and tuple(values) == _FIELDS
                and tuple(map(type, values.values())) in _USUAL
                and values["update"] >= 0
            ):
                return cls(**values)
        except (ValueError, TypeError):
            pass
        evaluation = parse(cls, line, "an evaluation")
        parse_values(Values, evaluation.signals, "signals")
        return evaluation


@dataclass(frozen=True)
class Summary(Checked):
    """The end of a training, as its worker reports it.

    Attributes:
        outcome: None for a training that was interrupted and can continue.
        reason: One line: 'criterion met', 'update budget spent', 'not finite: ...', or the error's text.
        updates, seconds: Number of optimizer steps, and training time over all attempts.
        score, best_score: At the last and at the best evaluation.
        target_score: The criterion as a score.
        metric, chance_metric, target_metric: The metric, its value for blind guessing, and the criterion.
        chance_loss: The trained loss of blind guessing.
        loss_floor: Infimum of the trained loss with this output head; NaN if it is unbounded.
        best_possible_loss: Infimum over all outputs, reachable or not; NaN if it is unbounded.
        partial_solutions: Known levels between chance and perfection, the worst first, each a dict of 'name'
            (what such a network has understood), 'metric', and 'loss' (the natural one of the targets).
        has_every_input: Whether validation contains every distinct input, including those of training.
        validation_size: Number of validation sequences or windows; 0 in records that lack it.
        target_shift: Share of the validation targets outside the range of the training targets.
        mean_shift: Distance of the means of both in standard deviations of the training targets.
        input_shift: Share of the validation inputs outside the range of their feature in training.
        error_shift: Error of a linear prediction on validation, in units of that on training data left out.
        target_mean, target_deviation: Of the training targets as they are trained; NaN for classes.
        baseline_errors: Validation errors of simple predictions by name; empty if none was measured.
        num_parameters, host: Number of the network's parameters, and name of the machine that trained it.
        threads: Number of torch threads of the process that ended it, which histories may depend on in their
            last bits; 0 if not known.
        first_nonfinite: {'tensor': name, 'update': int} of a diverged training.
        hopeless_at: Update from which its curve was hopeless (see `FutilityCheck`); None if it never was. A
            trial that is not exempt ends there, and fails.
        p_learn: Probability that a trial which was stopped there would have learned; 0 for any other.
        test_metric, test_score: None unless the run asked for them.
        best_update: Update of the best evaluation, where the run optimises something; 0 elsewhere.
        objectives: What the run optimises, in its order: numbers at the best evaluation, and of the whole
            trial; empty where the run optimises nothing, or no evaluation had them.
    """

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
    validation_size: Count = 0
    target_shift: float = 0.0
    mean_shift: float = 0.0
    input_shift: float = 0.0
    error_shift: OrUnknown = math.nan
    target_mean: OrUnknown = math.nan
    target_deviation: OrUnknown = math.nan
    baseline_errors: Values = field(default_factory=dict)
    num_parameters: Count = 0
    host: str = ""
    threads: Count = 0
    first_nonfinite: Values | None = None
    hopeless_at: Count | None = None
    p_learn: float = 0.0
    test_metric: float | None = None
    test_score: float | None = None
    best_update: Count = 0
    objectives: list[float] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, for JSON, with None for numbers that are not finite."""
        return {name: _finite(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Summary":
        """Invert `to_dict`. Raises ValueError for unknown or missing names, and for wrong types."""
        return parse_values(cls, dict(values), "a summary")


@dataclass(frozen=True)
class Intervention(Checked):
    """One change to a trial, made to see its effect.

    Attributes:
        kind: 'rescue' tries a fix in a cell that fails; 'ablation' removes something from a recipe that
            learned; 'donor' repeats a training and keeps its weights, from which another trial starts.
        name: Name of the fix (`analysis.diagnosis.causes`) or of what was removed; 'as_it_was' if nothing is
            changed, for seeds that were not tried before.
        changes: The changed settings by dotted path, those of `on_top_of` included.
        base: What was changed: a recipe's index in the cell (rescue, donor), or a trial's number (ablation).
        cause: The cause that the fix was chosen against; '' if none was given.
        on_top_of: Names of the fixes that the base has been given already, the first one first, joined by
            '+'; '' if it is the base as it was.
    """

    kind: Literal["rescue", "ablation", "donor"]
    name: str
    changes: Values
    base: Whole
    cause: str = ""
    on_top_of: str = ""

    @property
    def chain(self) -> str:
        """Return the names of all fixes in effect, joined as in `on_top_of`."""
        return f"{self.on_top_of}+{self.name}" if self.on_top_of else self.name


@dataclass(frozen=True)
class Fault(Checked):
    """The end of an attempt that did not finish its training.

    Attributes:
        attempt: Its number, from 1.
        kind: 'preempted': the worker was asked to leave and saved its state; 'lost': the worker or its node
            died; 'hung': no evaluation came for too long; 'error': an exception; 'out_of_memory': of the GPU.
        reason, at: One line, and the time as ISO 8601 with zone.
    """

    attempt: Count
    kind: FaultKind
    reason: str
    at: str


@dataclass(frozen=True)
class FutilityCheck(Checked):
    """How a trial is stopped once its own curve is hopeless.

    Attributes:
        rule: Name of the rule, a file in futility/ of the run that began the trial.
        exempt: Whether it goes on all the same, to show what stopping gets wrong.
    """

    rule: str
    exempt: bool


@dataclass(frozen=True)
class Origin(Checked):
    """The run from which a merged trial was taken, and the trial's number in it."""

    run: str
    number: Count


@dataclass(frozen=True)
class TrialRecord(Checked):
    """The driver's record of a trial, written after the journal.

    Attributes:
        number: Optuna's number, unique in the run.
        attempt: Number of times that the trial was started.
        config: The complete TrialConfig.
        cell: Labels of map axes and facet by dotted path.
        recipe: Values of all other axes by dotted path; of a joint choice, one line by the axis' name.
        recipe_index: 0 for the default recipe.
        purpose: Why the study began it.
        seed: The trial's seed.
        started, ended: ISO 8601 with zone; `ended` is None while it runs or waits to be resumed.
        summary: None until it has ended.
        intervention: The change, if the purpose is 'intervene'. Such a trial is no evidence of its cell:
            `recipe` and `recipe_index` are those of what was changed.
        faults: The ends of its earlier attempts.
        batch_halvings: Number of times that its batch was halved to fit the GPU's memory, as in `config`.
        futility: How it is stopped once it is hopeless; None if it is not.
        origin: The source of a trial that `merge` took from another run.
        continues: The trial from whose end this one begins; None if it begins anew. Its history, seconds and
            updates include those of that trial.
    """

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
    futility: FutilityCheck | None = None
    origin: Origin | None = None
    continues: Count | None = None

    @property
    def is_own(self) -> bool:
        """Return whether the user's own training function trained it."""
        return "own" in self.config and isinstance(self.config.get("settings"), dict)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the trial's settings by dotted path; of an own training function, the user's own."""
        return dict(self.config["settings"]) if self.is_own else dict(flatten(self.config))

    @property
    def outcome(self) -> Outcome | None:
        """Return how the trial ended, or None if it has not."""
        return None if self.summary is None else self.summary.outcome

    @property
    def p_learn(self) -> float:
        """Return the probability that a trial stopped as hopeless would have learned; 0 of any other."""
        return 0.0 if self.summary is None else self.summary.p_learn

    @property
    def objectives(self) -> list[float]:
        """Return the numbers that the run optimises; none before the trial's end."""
        return [] if self.summary is None else self.summary.objectives

    def to_json(self) -> str:
        """Return the text of record.json."""
        return json.dumps(_finite(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrialRecord":
        """Parse record.json. Raises ParseError, a ValueError, if it is not one."""
        return parse(cls, text, "a trial's record")


def read_history(path: AnyPath) -> Iterator[Evaluation]:
    """Yield the evaluations in a history.jsonl on this machine; none if it is missing.

    Raises ValueError as `parse_history` does, and OSError if it cannot be read or is too large.
    """
    if path.exists():
        yield from parse_history(bounded_lines(Path(str(path))), str(path))


def parse_history(lines: Iterable[bytes], name: str) -> Iterator[Evaluation]:
    """Yield the evaluations in lines; a torn last line, of a worker that was killed, is left out.

    Raises ValueError with the file's `name` and the number of the line that is not an evaluation.
    """
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            return
        try:
            yield Evaluation.from_line(line.decode("utf-8"))
        except ValueError as error:
            raise ValueError(f"{name}, line {number}: {error}") from None


def _finite(value: Any) -> Any:
    """Return a value for JSON: None for floats that are not finite, and texts that UTF-8 can encode."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict | Checked):
        values = value if isinstance(value, dict) else vars(value)
        return {key: _finite(inner) for key, inner in values.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value
