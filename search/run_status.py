"""How a run stands, from its folder alone: who drives it, how far it is, how fast, and its last fault."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from failmap.analysis.verdict import TrialResult, judge
from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import ParseError, parse
from failmap.run_folder.paths import RunFolder, is_trial_number
from failmap.run_folder.provenance import parse_provenance
from failmap.run_folder.records import Fault, Outcome, Purpose, Values
from failmap.run_folder.storage import Store, store_of
from failmap.run_folder.storage.bounded_files import require_plain_files
from failmap.search.allocation.map_allocation import cells_in_order
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.lease import driver_of, is_known_dead
from failmap.search.loading import from_yaml
from failmap.search.space import Cell

State = Literal["running", "died", "stopped", "decided", "spent", "new", "unreadable"]

#: A session that came this close to its minutes was ended by them.
_SPENT_SHARE = 0.98


@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Attributes:
        run: its name.
        state: 'running' or 'died' for a driver that holds the lock; without one 'decided' (every cell that
            the budget reaches), 'spent' (the budget, or nothing is left to try), 'stopped', or 'new'.
        host: where its driver runs, or died; '' without one.
        num_ended: trials that have ended, interventions included.
        num_unfinished: trials that were begun and have not.
        num_decided: cells, of
        num_cells: those that the budget reaches.
        trials_per_hour: of the last session; None where none of its trials has ended.
        seconds_left: of a run that is driven, until its minutes are spent or its cells have all they want at
            this pace; None where nobody knows.
        num_faults: by kind: what ended starts of trials that were then started again.
        num_retried: trials that had any.
        last_fault: the latest of all.
        problem: why its folder cannot be read; '' where it can.
    """

    run: str
    state: State
    host: str = ""
    num_ended: int = 0
    num_unfinished: int = 0
    num_decided: int = 0
    num_cells: int = 0
    trials_per_hour: float | None = None
    seconds_left: float | None = None
    num_faults: Mapping[str, int] | None = None
    num_retried: int = 0
    last_fault: Fault | None = None
    problem: str = ""


@dataclass(frozen=True)
class _SummaryPart:
    outcome: Outcome | None


@dataclass(frozen=True)
class _RecordPart:
    """What is read of a record here."""

    cell: Values
    recipe_index: int
    purpose: Purpose
    summary: _SummaryPart | None
    ended: str | None
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class _Trial:
    """The little of a record that counts here."""

    cell: Cell
    result: TrialResult
    is_intervention: bool
    ended: float | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class _Session:
    """When the last session began and ended, in Unix time; `ended` is None where it runs, or died."""

    started: float
    ended: float | None


def read_run_status(folder: RunFolder, now: float) -> RunStatus:
    """Reads a run's folder. One that cannot be read is told as such.

    Args:
        folder: the run's.
        now: Unix time in seconds.
    """
    try:
        return _standing(folder, now)
    except UserError as error:
        return RunStatus(folder.name, "unreadable", problem=error.problems[0])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        told = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return RunStatus(folder.name, "unreadable", problem=str(told))


def _standing(folder: RunFolder, now: float) -> RunStatus:
    store = store_of(folder.path)
    require_plain_files(folder.path)
    config = from_yaml(store.read(folder.config).decode("utf-8"))
    trials = _read_trials(store, folder, config)
    session = _read_session(store, folder)
    owner = driver_of(folder)
    cells: dict[Cell, list[_Trial]] = {cell: [] for cell in cells_in_order(config, relative_cost)}
    reached = list(cells)
    for trial in trials:
        if not trial.is_intervention:
            cells.setdefault(trial.cell, []).append(trial)
    verdicts = {
        cell: judge([trial.result for trial in own], config.space.fail_after_recipes)
        for cell, own in cells.items()
    }
    undecided = [cell for cell in reached if verdicts[cell].state not in ("learns", "fails")]
    wanted = sum(_num_wanted(cells[cell], config) for cell in undecided)
    num_ended = sum(trial.ended is not None for trial in trials)
    faults = [fault for trial in trials for fault in trial.faults]
    per_hour = _trials_per_hour(trials, session, None if owner is None or is_known_dead(owner) else now)
    state: State
    if owner is not None:
        state = "died" if is_known_dead(owner) else "running"
    elif session is None:
        state = "new"
    elif not undecided:
        state = "decided"
    elif session.ended is None:
        state = "died"
    else:
        state = "spent" if _is_spent(config, session, num_ended, wanted) else "stopped"
    return RunStatus(
        folder.name,
        state,
        host="" if owner is None else owner.host,
        num_ended=num_ended,
        num_unfinished=len(trials) - num_ended,
        num_decided=len(reached) - len(undecided),
        num_cells=len(reached),
        trials_per_hour=per_hour,
        seconds_left=_seconds_left(config, session, wanted, per_hour, now) if state == "running" else None,
        num_faults=dict(Counter(fault.kind for fault in faults)),
        num_retried=sum(bool(trial.faults) for trial in trials),
        last_fault=max(faults, key=lambda fault: fault.at, default=None),
    )


def _read_trials(store: Store, folder: RunFolder, config: RunConfig) -> list[_Trial]:
    numbers = [name for name in store.list_folders(folder.trials) if is_trial_number(name)]
    found = store.read_many([folder.trial(int(name)).record for name in numbers])
    trials = []
    for path, content in found.items():
        try:
            trials.append(_trial(parse(_RecordPart, content, "a trial's record"), config))
        except (ParseError, KeyError) as error:
            raise UserError(f"{path}: {error}") from None
    return trials


def _trial(record: _RecordPart, config: RunConfig) -> _Trial:
    summary = record.summary
    return _Trial(
        Cell(tuple((path, record.cell[path]) for path in config.space.map.paths)),
        TrialResult(record.recipe_index, record.purpose, None if summary is None else summary.outcome),
        is_intervention=record.purpose == "intervene",
        ended=None if summary is None or record.ended is None else _seconds(record.ended),
        faults=tuple(record.faults),
    )


def _read_session(store: Store, folder: RunFolder) -> _Session | None:
    try:
        sessions = parse_provenance(store.read(folder.provenance)).sessions
    except FileNotFoundError:
        return None
    except ParseError as error:
        raise UserError(f"{folder.provenance}{error.place}: {error}") from None
    if not sessions or sessions[-1].started is None:
        return None
    ended = sessions[-1].ended
    return _Session(_seconds(sessions[-1].started), None if ended is None else _seconds(ended))


def _trials_per_hour(trials: Iterable[_Trial], session: _Session | None, now: float | None) -> float | None:
    """Of a session that ended, died, or goes on: only then `now` counts."""
    if session is None:
        return None
    ends = [trial.ended for trial in trials if trial.ended is not None and trial.ended >= session.started]
    if not ends:
        return None
    # What died has no end of its own but its last sign of life.
    until = session.ended or now or max(ends)
    return len(ends) / max(until - session.started, 1.0) * 3600


def _num_wanted(trials: Sequence[_Trial], config: RunConfig) -> int:
    """Trials that a cell which is not decided still wants, at the least."""
    budget = config.budget
    num_ended = sum(trial.ended is not None for trial in trials)
    seeds = budget.seeds if num_ended < budget.seeds else budget.max_seeds
    return max(seeds * budget.recipes - num_ended, 0)


def _is_spent(config: RunConfig, session: _Session, num_ended: int, wanted: int) -> bool:
    budget = config.budget
    assert session.ended is not None
    if budget.minutes is not None and session.ended - session.started >= _SPENT_SHARE * budget.minutes * 60:
        return True
    return wanted == 0 or (budget.trials is not None and num_ended >= budget.trials)


def _seconds_left(
    config: RunConfig, session: _Session | None, wanted: int, per_hour: float | None, now: float
) -> float | None:
    limits = []
    if session is not None and config.budget.minutes is not None:
        limits.append(max(session.started + config.budget.minutes * 60 - now, 0.0))
    if per_hour:
        limits.append(wanted / per_hour * 3600)
    return min(limits, default=None)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
