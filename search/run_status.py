"""The status of a run, read from its folder alone: its driver, progress, speed and last fault."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import ParseError, parse
from failmap.run_folder.paths import RunFolder, is_trial_number
from failmap.run_folder.provenance import parse_provenance
from failmap.run_folder.records import NO_EVIDENCE, Fault, Outcome, Purpose, Values
from failmap.run_folder.storage import Store, store_of
from failmap.run_folder.storage.bounded_files import require_plain_files
from failmap.search.allocation.map_allocation import cells_in_order
from failmap.search.allocation.remaining import Remaining, remaining
from failmap.search.config import RunConfig
from failmap.search.lease import driver_of
from failmap.search.lease_terms import Owner
from failmap.search.loading import from_yaml
from failmap.search.space import Cell

State = Literal["running", "died", "stopped", "decided", "spent", "new", "unreadable"]

#: A session that came this close to its minutes was ended by them, where its provenance does not say.
_SPENT_SHARE = 0.98


@dataclass(frozen=True)
class RunStatus:
    """The status of a run.

    Attributes:
        run: Name.
        state: 'running' or 'died' if a driver holds the lease, or a watched loop has not ended; otherwise
            'decided' (every cell that the budget reaches, or those that are not are inferred and nothing is
            left to try), 'spent' (the budget, or nothing is left to try), 'stopped', or 'new'.
        host: Host of the driver; '' without one.
        num_ended: Trials that have ended, interventions included.
        num_unfinished: Trials that have begun and not ended.
        num_decided: Cells that learn or fail by their own seeds, among those that the budget reaches.
        num_inferred: Those that learn or fail by the surface alone.
        num_edge: Those at the edge.
        num_cells: Cells that the budget reaches.
        trials_per_hour: In the last session; None if none of its trials has ended.
        seconds_left: Of a running run, until its minutes are spent or nothing remains; None if unknown.
        owner: User who started the last session; '' if unknown.
        started: Start of the first session, ISO 8601 with zone; None before.
        report: Location of the report; None if there is none.
        errors: How many trials are errored by each message, the most frequent first.
        num_faults: Faults after which trials were retried, by kind.
        num_retried: Trials that had any.
        last_fault: The latest of them.
        problem: Why the folder cannot be read; '' if it can.
    """

    run: str
    state: State
    host: str = ""
    num_ended: int = 0
    num_unfinished: int = 0
    num_decided: int = 0
    num_inferred: int = 0
    num_edge: int = 0
    num_cells: int = 0
    trials_per_hour: float | None = None
    seconds_left: float | None = None
    owner: str = ""
    started: str | None = None
    report: str | None = None
    errors: Mapping[str, int] | None = None
    num_faults: Mapping[str, int] | None = None
    num_retried: int = 0
    last_fault: Fault | None = None
    problem: str = ""


@dataclass(frozen=True)
class _SummaryPart:
    outcome: Outcome | None
    reason: str = ""
    p_learn: float = 0.0


@dataclass(frozen=True)
class _Trial:
    """The part of a trial's record that is read here, in a sixth of the time that the whole record takes."""

    number: int
    cell: Values
    recipe_index: int
    purpose: Purpose
    summary: _SummaryPart | None
    ended: datetime | None
    faults: list[Fault] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome | None:
        return None if self.summary is None else self.summary.outcome

    @property
    def p_learn(self) -> float:
        return 0.0 if self.summary is None else self.summary.p_learn


@dataclass(frozen=True)
class _Session:
    """The last session of a run.

    Attributes:
        started, ended: Unix times; `ended` is None if it runs, or died.
        ended_by: Why it ended; None if unknown.
        user: Who started it; '' if unknown.
        first_started: Start of the run's first session, ISO 8601 with zone.
        process: That of a watched loop which has not ended; None of any other.
    """

    started: float
    ended: float | None
    ended_by: str | None
    user: str
    first_started: str | None
    process: Owner | None


def read_run_status(folder: RunFolder, now: float) -> RunStatus:
    """Return the status of a run; 'unreadable' if its folder cannot be read.

    Args:
        folder: The run's.
        now: Unix time in seconds.
    """
    try:
        return _read(folder, now)
    except UserError as error:
        return RunStatus(folder.name, "unreadable", problem=error.problems[0])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        problem = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return RunStatus(folder.name, "unreadable", problem=str(problem))


def _read(folder: RunFolder, now: float) -> RunStatus:
    store = store_of(folder.path)
    require_plain_files(folder.path)
    config = from_yaml(store.read(folder.config).decode("utf-8"))
    trials = read_trials(folder)
    session = _read_session(store, folder)
    owner = driver_of(folder)
    cells: dict[Cell, list[_Trial]] = defaultdict(list)
    for trial in trials:
        if trial.purpose not in NO_EVIDENCE:
            cells[config.space.cell(trial.cell)].append(trial)
    # A search for the best recipe has no cells to decide, and nothing that surely remains.
    reached = [] if config.space.objectives else cells_in_order(config)
    rest = remaining(config, reached, cells) if reached else Remaining({}, {}, 0)
    ends = [trial.ended.timestamp() for trial in trials if trial.ended is not None]
    faults = [fault for trial in trials for fault in trial.faults]
    errors = [trial.summary.reason for trial in trials if trial.summary and trial.outcome == "errored"]
    is_running = owner is not None and not owner.is_known_dead
    per_hour = _trials_per_hour(ends, session, now if is_running else None)
    state: State
    if owner is not None:
        state = "running" if is_running else "died"
    elif session is None:
        state = "new"
    elif config.watched and session.ended is not None:
        state = "spent"
    elif config.watched:
        # A watch holds no lease; its provenance names its process.
        state = "died" if session.process is not None and session.process.is_known_dead else "running"
    elif reached and rest.num_decided + (rest.num_inferred if rest.num_trials == 0 else 0) == len(reached):
        state = "decided"
    elif session.ended is None:
        state = "died"
    else:
        budget, minutes = config.budget, (session.ended - session.started) / 60
        is_out_of_time = session.ended_by == "time"
        if session.ended_by is None:
            is_out_of_time = minutes >= _SPENT_SHARE * (budget.minutes or math.inf)
        is_done = rest.num_trials == 0 if reached else session.ended_by == "finished"
        is_spent = is_done or is_out_of_time or len(ends) >= (budget.trials or math.inf)
        state = "spent" if is_spent else "stopped"
    return RunStatus(
        folder.name,
        state,
        host=_host(owner, session),
        num_ended=len(ends),
        num_unfinished=len(trials) - len(ends),
        num_decided=rest.num_decided,
        num_inferred=rest.num_inferred,
        num_edge=rest.num_edge,
        num_cells=len(reached),
        trials_per_hour=per_hour,
        seconds_left=_seconds_left(config, session, rest.num_trials, per_hour, now) if is_running else None,
        owner="" if session is None else session.user,
        started=None if session is None else session.first_started,
        report=str(page) if store.exists(page := folder.report / "index.html") else None,
        errors=dict(Counter(errors).most_common()),
        num_faults=dict(Counter(fault.kind for fault in faults)),
        num_retried=sum(bool(trial.faults) for trial in trials),
        last_fault=max(faults, key=lambda fault: fault.at, default=None),
    )


def read_trials(folder: RunFolder) -> list[_Trial]:
    """Return the trials of a run, interventions included. Raises UserError if a record is corrupt."""
    store = store_of(folder.path)
    numbers = [int(name) for name in store.list_folders(folder.trials) if is_trial_number(name)]
    trials = []
    for path, content in store.read_many([folder.trial(number).record for number in numbers]).items():
        try:
            trials.append(parse(_Trial, content, "a trial's record"))
        except ParseError as error:
            raise UserError(f"{path}: {error}") from None
    return trials


def _read_session(store: Store, folder: RunFolder) -> _Session | None:
    try:
        sessions = parse_provenance(store.read(folder.provenance)).sessions
    except FileNotFoundError:
        return None
    except ParseError as error:
        raise UserError(f"{folder.provenance}{error.place}: {error}") from None
    if not sessions:
        return None
    started, ended = (
        None if text is None else datetime.fromisoformat(text).timestamp()
        for text in (sessions[-1].started, sessions[-1].ended)
    )
    if started is None:
        return None
    last = sessions[-1]
    process = None
    if last.process is not None and ended is None:
        process = Owner(**asdict(last.process))
    return _Session(started, ended, last.ended_by, last.user, sessions[0].started, process)


def _host(owner: Owner | None, session: _Session | None) -> str:
    """Return the host of a driver, or of the process of a watched loop; '' without one."""
    process = owner or (session.process if session is not None else None)
    return "" if process is None else process.host


def _trials_per_hour(ends: Iterable[float], session: _Session | None, now: float | None) -> float | None:
    """Return the pace of a session. `now` is given while the session runs."""
    if session is None or not (own := [end for end in ends if end >= session.started]):
        return None
    # A session that died ended, as far as we know, with its last trial.
    until = session.ended or now or max(own)
    return len(own) / max(until - session.started, 1.0) * 3600


def _seconds_left(
    config: RunConfig, session: _Session | None, wanted: int, per_hour: float | None, now: float
) -> float | None:
    limits = []
    if session is not None and config.budget.minutes is not None:
        limits.append(max(session.started + config.budget.minutes * 60 - now, 0.0))
    if per_hour:
        limits.append(wanted / per_hour * 3600)
    return min(limits, default=None)
