"""A few reports of a training function, to see what it reads, reports and can continue from."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import Evaluation, Summary
from failmap.search.own.config import OwnTrialConfig
from failmap.search.own.function import TrainFunction
from failmap.search.own.handle import Trial
from failmap.search.own.session import FunctionSession

if TYPE_CHECKING:
    from failmap.watcher.verdict import Verdict

#: Reports after which a function is stopped: enough for a verdict.
NUM_REPORTS = 8
#: Reports in a row that end the trial as learned: more than are made.
_NEVER = 100
#: Seconds until then, and for one more report after that, from the state.
FIRST_SECONDS, RESUMED_SECONDS = 14.0, 6.0
#: Seconds that a function has to return before its thread is interrupted.
_PATIENCE = 1.0


@dataclass
class Reads:
    """What a function has read of its configuration and its trial.

    Attributes:
        settings: Settings that were read.
        unknown: Settings that were asked for and do not exist.
        as_a_whole: Whether all settings were read at once, as by `**config`.
        of_trial: Attributes of the trial that were read.
    """

    settings: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    as_a_whole: bool = False
    of_trial: set[str] = field(default_factory=set)


@dataclass
class Probe:
    """What a function did until it was stopped.

    Attributes:
        reads: What it has read.
        evaluations: Its reports.
        summary: The end of its trial; an outcome of None means that it was stopped here. It never learns.
        error: What it raised, if it did.
        has_state: Whether it has reported a state to continue from.
        resumed_at: The update at which it was continued.
        resumed: Its first report after that; None if there was none in time, or no state.
        resumed_summary: The end of the continued trial, if that came first.
        resume_error: What it raised when it continued, if it did.
        verdict: What rules say of what `trial.watch` saw; None if nothing was watched.
        watch_problems: Mistakes in the use of the watch.
    """

    reads: Reads = field(default_factory=Reads)
    evaluations: list[Evaluation] = field(default_factory=list)
    summary: Summary | None = None
    error: BaseException | None = None
    has_state: bool = False
    resumed_at: int = 0
    resumed: Evaluation | None = None
    resumed_summary: Summary | None = None
    resume_error: BaseException | None = None
    verdict: "Verdict | None" = None
    watch_problems: tuple[str, ...] = ()

    @property
    def was_stopped(self) -> bool:
        """Whether the function would have gone on."""
        return self.error is None and (self.summary is None or self.summary.outcome is None)


def probe(
    config: OwnTrialConfig,
    function: TrainFunction,
    device: torch.device,
    *,
    first_seconds: float = FIRST_SECONDS,
    resumed_seconds: float = RESUMED_SECONDS,
) -> Probe:
    """Run a function in a temporary folder until it has made `NUM_REPORTS`, and continue it from its state.

    Args:
        config: The trial.
        function: The user's.
        device: The device of the trial.
        first_seconds, resumed_seconds: When it is stopped, whatever it has reported.
    """
    own = config.own.model_copy(update={"in_a_row": _NEVER})
    config = config.model_copy(update={"own": own})
    found = Probe()
    recorded = _recorded(function, found.reads)
    with TemporaryDirectory() as name:
        folder = TrialFolder(Path(name) / "0")
        folder.path.mkdir()
        stop = _Stop(first_seconds)
        session = FunctionSession(config, folder, device, recorded, is_stopped=stop)
        try:
            for evaluation in _reports(session):
                found.evaluations.append(evaluation)
                if len(found.evaluations) >= NUM_REPORTS:
                    stop.set()
        except (Exception, SystemExit) as error:  # A function may raise anything: that is a finding.
            found.error = error
        found.summary = session.summary
        session.release(patience=_PATIENCE)
        found.has_state = session.has_state
        _read_watch(session.trial, found)
        if found.error is None and found.has_state:
            session = FunctionSession(config, folder, device, recorded, is_stopped=_Stop(resumed_seconds))
            found.resumed_at = session.trial.first_update
            try:
                found.resumed = next(_reports(session), None)
            except (Exception, SystemExit) as error:
                found.resume_error = error
            found.resumed_summary = session.summary
            session.release(patience=_PATIENCE)
    return found


def _reports(session: FunctionSession) -> Iterator[Evaluation]:
    while session.summary is None:
        evaluation = session.advance()
        if evaluation is not None:
            yield evaluation


def _read_watch(trial: Trial, found: Probe) -> None:
    watching = trial.watching
    if watching is not None:
        watching.close()
        found.verdict = watching.verdict()
        found.watch_problems = tuple(watching.problems)


class _Stop:
    """A flag that is set, or sets itself after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._deadline = monotonic() + seconds

    def set(self) -> None:
        """Set the flag."""
        self._deadline = monotonic()

    def __call__(self) -> bool:
        return monotonic() >= self._deadline


def _recorded(function: TrainFunction, reads: Reads) -> TrainFunction:
    """Return a function that records what it reads."""

    def recorded(settings: dict[str, Any], trial: Any) -> Any:
        return function(_Settings(settings, reads), _TrialView(trial, reads))

    return recorded


class _TrialView:
    """A trial that records which attributes are read."""

    def __init__(self, trial: Trial, reads: Reads) -> None:
        self._trial, self._reads = trial, reads

    def __getattr__(self, name: str) -> Any:
        self._reads.of_trial.add(name)
        return getattr(self._trial, name)


class _Settings(dict[str, Any]):
    """Settings that record which of them are read."""

    def __init__(self, values: dict[str, Any], reads: Reads) -> None:
        super().__init__(values)
        self._reads = reads

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value or the default."""
        self._note(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a value and return it."""
        self._note(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a value, or set the default."""
        self._note(key)
        return super().setdefault(key, default)

    def _note(self, key: object) -> None:
        known = self._reads.settings if super().__contains__(key) else self._reads.unknown
        known.add(str(key))

    # An own __iter__ makes dict(config) and **config ask for the keys as well.

    def __iter__(self) -> Iterator[str]:
        self._reads.as_a_whole = True
        return super().__iter__()

    def keys(self) -> Any:
        """Return all keys."""
        self._reads.as_a_whole = True
        return super().keys()

    def values(self) -> Any:
        """Return all values."""
        self._reads.as_a_whole = True
        return super().values()

    def items(self) -> Any:
        """Return all keys with their values."""
        self._reads.as_a_whole = True
        return super().items()
