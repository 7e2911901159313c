"""The one owner of decisions: which trial is next, whether to stop it, and how it ended."""

import math
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime

import optuna
from optuna.trial import FrozenTrial, TrialState

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import NO_EVIDENCE, Fault, FaultKind, Summary, TrialRecord
from failmap.run_folder.storage import store_of
from failmap.search.allocation.goals import allocation_for
from failmap.search.allocation.known_trials import KnownTrials
from failmap.search.allocation.map_allocation import Allocation, NextTrial
from failmap.search.config import RunConfig
from failmap.search.continuing.continuing_allocation import ContinuingAllocation
from failmap.search.continuing.final_states import FinalStates
from failmap.search.futility.stopping import Stopping
from failmap.search.journal.log import Journal
from failmap.search.journal.opening import open_journal
from failmap.search.journal.trials import (
    STATES,
    TrialFiles,
    config_of,
    faults_of,
    known_trial,
    new_entry,
    record_of,
    summary_of,
)
from failmap.search.lease import Lease, acquire_lease
from failmap.search.lease_terms import DEFAULT_TIMING, LeaseTiming
from failmap.search.new_run import report_disk_errors
from failmap.search.own.config import AnyTrialConfig
from failmap.search.pruners import BEST_PRUNERS, PRUNERS
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import begin_attempt
from failmap.search.tuning.kept_weights import KeptWeights

#: Characters of a fault's reason that are kept: errors quote whole tensors, and the journal is in memory.
_MAX_REASON = 500


@dataclass(frozen=True)
class Start:
    """A trial to start, or to continue if `attempt` is above 1."""

    number: int
    attempt: int
    config: AnyTrialConfig


class Study:
    """A run's decisions, kept in its journal.

    A trial is created by one record of the journal, and ended by two: its summary, then Optuna's state. The
    files under trials/ follow the journal, and are brought up to it after a crash in between.

    Attributes:
        known: The trials so far.
    """

    def __init__(
        self, config: RunConfig, folder: RunFolder, journal: Journal, allocation: Allocation, lease: Lease
    ) -> None:
        """Use `Study.open`."""
        self.known = KnownTrials()
        self._config, self._folder, self._lease = config, folder, lease
        self._journal, self._storage = journal, journal.storage
        name = journal.study_name
        objectives = config.space.objectives
        study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            directions=[one.direction for one in objectives] or ["maximize"],
            load_if_exists=True,
        )
        self._study_id = self._storage.get_study_id_from_name(name)
        self._pruner = (BEST_PRUNERS if objectives else PRUNERS)[config.pruner](config, study)
        self._weights = KeptWeights(config, folder)
        self._allocation = allocation
        self._stopping = Stopping(folder, config.futility, config.seed)
        self._files = TrialFiles(folder)
        # Trials that all spend their updates for the best score are not trained on.
        self._finals = FinalStates(self._files, 0 if objectives else config.budget.keep_gigabytes * 1e9)
        self._ids: list[int] = []
        self._unfinished: list[int] = []
        self._running: set[int] = set()

    @classmethod
    def open(
        cls,
        config: RunConfig,
        folder: RunFolder,
        notice: Callable[[str], None],
        allocation: Allocation | None = None,
        timing: LeaseTiming = DEFAULT_TIMING,
    ) -> "Study":
        """Begin a run, or continue it.

        Args:
            config: The run's; if its journal exists, the same space or more of it.
            folder: The run's; it is created if missing.
            notice: Called with a line for each repair.
            allocation: A new one, which is given every trial of the run; that of the space's goal by default.
            timing: Of the lease's heartbeats.

        Raises:
            UserError: Another driver is at work, the journal is corrupt, or the folder cannot be written.
        """
        with report_disk_errors(folder), ExitStack() as after_an_error:
            store_of(folder.path).make_folder(folder.trials)
            lease = acquire_lease(folder, notice, timing=timing)
            after_an_error.callback(lease.release)
            journal = open_journal(config, folder, notice, lease.check)
            after_an_error.callback(journal.close)
            with journal.translate_errors():
                allocation = allocation or _allocation(config)
                study = cls(config, folder, journal, allocation, lease)
                study._read(notice)
            after_an_error.pop_all()
        return study

    def prepare(self) -> None:
        """Begin in the background what the first `ask` would wait for: the rule that stops trials."""
        space = self._config.space
        if space.objectives:
            return
        cell = next(space.cells())
        config = space.trial_config(cell, space.default_recipe(cell), self._config.seed)
        self._stopping.prepare(config.model_dump(mode="json"))

    def ask(self) -> Start | None:
        """Return the next trial to start, or None if there is none until a running one ends.

        Raises:
            UserError: Another driver has taken over the run, or the disk is full or the like.
        """
        with self._reporting_errors():
            if self._unfinished:
                start = self._restart(self._unfinished[0])
                del self._unfinished[0]
            elif (new := self._allocation.next()) is not None:
                start = self._begin(new)
            else:
                return None
            begin_attempt(self._folder.trial(start.number), start.attempt)
            self._files.write_record(self._trial(start.number))
        self._running.add(start.number)
        return start

    def report(self, number: int, update: int, score: float, value: float | None = None) -> bool:
        """Record the score of an evaluation.

        Args:
            number: The trial's.
            update: Updates so far.
            score: The score there.
            value: The first of the run's objectives, by which its trials are compared; NaN if it is missing;
                None: the score.

        Returns:
            Whether to stop the trial by its rank; `tell` then ends it as 'censored'.

        Raises:
            UserError: The disk is full or the like.
        """
        assert math.isfinite(score), f"trial {number} reports a score of {score}"
        self.known[number].score = score
        value = score if value is None else value
        if not math.isfinite(value):
            return False
        with self._reporting_errors():
            if not self._pruner.judges_at(self._trial(number), update):
                return False
            self._storage.set_trial_intermediate_value(self._ids[number], update, value)
            rivals = [self._trial(rival.number) for rival in self.known.by_cell[self.known[number].cell]]
            return self._pruner.stops(self._trial(number), rivals)

    def requeue(self, number: int) -> None:
        """Put an interrupted trial before all others. A driver that is to stop leaves it to a resume."""
        self._running.remove(number)
        insort(self._unfinished, number)

    def requeue_after_fault(
        self, number: int, kind: FaultKind, reason: str, *, halve_batch: bool = False
    ) -> None:
        """Record a fault, and requeue the trial.

        After an error of its code the trial starts anew, after any other fault from its checkpoint.

        Args:
            number: The number of a running trial.
            kind: The kind of fault.
            reason: A text of any length; one line of it is kept.
            halve_batch: Halve the batch, which must be larger than 1.

        Raises:
            UserError: Another driver has taken over the run, or the disk is full or the like.
        """
        with self._reporting_errors():
            trial = self._trial(number)
            at = datetime.now().astimezone().isoformat(timespec="milliseconds")
            line = " ".join(reason.split())
            line = line if len(line) <= _MAX_REASON else f"{line[: _MAX_REASON - 3]}..."
            fault = Fault(trial.user_attrs["attempt"], kind, line, at)
            faults = [asdict(one) for one in (*faults_of(trial), fault)]
            self._storage.set_trial_user_attr(self._ids[number], "faults", faults)
            # After the fault: a crash in between costs one more attempt with the whole batch, and no more.
            if halve_batch:
                halved = config_of(trial)
                assert isinstance(halved, TrialConfig), f"trial {number} has a batch of its own"
                batch_size = halved.train.batch_size
                assert batch_size not in ("full", 1), f"trial {number} has no batch that can be halved"
                num_halvings = trial.user_attrs.get("batch_halvings", 0) + 1
                self._storage.set_trial_user_attr(self._ids[number], "batch_halvings", num_halvings)
            self._flush()
        self.requeue(number)

    def faults(self, number: int) -> tuple[Fault, ...]:
        """Return the faults of a trial, of all sessions."""
        with self._reporting_errors():
            return faults_of(self._trial(number))

    def tell(self, number: int, summary: Summary) -> None:
        """Record the end of a trial.

        Raises:
            UserError: The disk is full or the like.
        """
        assert summary.outcome is not None, f"trial {number} has not ended: requeue it"
        self._running.remove(number)
        assert math.isfinite(summary.score), f"trial {number} ended with a score of {summary.score}"
        with self._reporting_errors():
            # Before the summary: an ended trial cannot be changed any more.
            kept = self._finals.attributes(record_of(self._trial(number)), summary)
            for name, value in kept.items():
                self._storage.set_trial_user_attr(self._ids[number], name, value)
            self._storage.set_trial_user_attr(self._ids[number], "summary", summary.to_dict())
            self._set_state(number, summary)
            # The record last: if it is right after a crash, nothing else needs recovery.
            self._files.drop_checkpoint(number)
            self._files.write_record(self._trial(number))
            known = self.known[number]
            self._finals.end(known, kept)
            self._finals.tidy(known, kept)
        if summary.outcome == "errored":
            known.error = summary.reason
        known.p_learn, known.objectives = summary.p_learn, tuple(summary.objectives)
        self._stopping.end(record_of(self._trial(number)))
        self._allocation.end(self.known[number], summary.outcome, summary.score)
        self._weights.end(number, summary.outcome)
        with self._reporting_errors():
            self._weights.tidy(self.known)

    @property
    def holds_lease(self) -> bool:
        """Whether no other driver is known to have taken over the run."""
        return self._lease.is_held

    def close(self) -> None:
        """Release the run. Running trials stay unfinished, and are asked first after a resume."""
        with suppress(OSError):  # The next session tidies.
            if self.holds_lease:
                self._weights.tidy(self.known, is_last=True)
        self._stopping.close()
        self._journal.close()
        self._lease.release()

    def _begin(self, new: NextTrial) -> Start:
        number = len(self.known)
        self._files.clear(number)
        is_exempt = new.purpose == "explore" and self._pruner.is_exempt(number)
        # An intervention is compared with what it changes, update by update; a continuation goes beyond the
        # updates that the rules know.
        values = new.config.model_dump(mode="json")
        # The rules are about the criterion, and not about any other objective.
        is_stoppable = new.purpose not in NO_EVIDENCE and not self._config.space.objectives
        check = self._stopping.begin(values) if is_stoppable else None
        entry = new_entry(self._config.space, new, is_exempt=is_exempt, futility=check)
        self._ids.append(self._storage.create_new_trial(self._study_id, template_trial=entry))
        self._flush()
        trial = self._trial(number)
        assert trial.number == number, f"{trial.number}: another process writes this journal"
        self._add(trial)
        if new.continues is not None:
            self._files.begin_from(number, new.continues)
        return Start(number, 1, new.config)

    def _restart(self, number: int) -> Start:
        """Start an unfinished trial again; its worker continues from its checkpoint, if there is one."""
        trial = self._trial(number)
        attempt, faults = trial.user_attrs["attempt"] + 1, faults_of(trial)
        # The checkpoint may be the reason of the fault, or of another batch size. It is not removed when the
        # fault is recorded, so that a crash in between leaves it to the next session.
        if faults and faults[-1].attempt == attempt - 1 and faults[-1].kind in ("error", "out_of_memory"):
            self._files.drop_checkpoint(number)
            if (source := trial.user_attrs.get("continues")) is not None:
                self._files.begin_from(number, source)
        self._storage.set_trial_user_attr(self._ids[number], "attempt", attempt)
        self._flush()
        return Start(number, attempt, config_of(trial))

    def _read(self, notice: Callable[[str], None]) -> None:
        """Read the trials of earlier sessions, and finish what these left undone."""
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        for trial in trials:
            self._ids.append(trial._trial_id)
            record = self._add(trial)
            if trial.state.is_finished():
                self._stopping.end(record)
                self._finals.end(self.known[trial.number], trial.user_attrs)
                self._end_weights(record)
                continue
            if (summary := summary_of(trial)) is None:
                self._unfinished.append(trial.number)
            else:
                self._set_state(trial.number, summary)
                trials[trial.number] = self._trial(trial.number)
                self._finals.end(self.known[trial.number], trial.user_attrs)
                self._end_weights(record)
        if num_behind := self._files.recover(trials):
            notice(f"{num_behind} trial records were behind the journal, and were rewritten from it")

    def _end_weights(self, record: TrialRecord) -> None:
        if record.outcome is not None:
            self._weights.end(record.number, record.outcome)

    def _set_state(self, number: int, summary: Summary) -> None:
        assert summary.outcome is not None
        state = STATES[summary.outcome]
        values: list[float] | None = [summary.score]
        if self._config.space.objectives:
            values = summary.objectives
        if summary.outcome == "errored" or not values:
            # Also a trial without a finite value: for Optuna it has failed.
            state, values = TrialState.FAIL, None
        self._storage.set_trial_state_values(self._ids[number], state, values)
        self._flush()

    def _flush(self) -> None:
        """Make what was decided outlive this machine. Raises UserError if another driver holds the run."""
        self._lease.check()
        self._journal.sync()

    @contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        with report_disk_errors(self._folder), self._journal.translate_errors():
            yield

    def _add(self, trial: FrozenTrial) -> TrialRecord:
        """Add a trial to what is known, and return its record."""
        record = record_of(trial)
        known = known_trial(trial, record, self._config.space)
        self.known.add(known)
        self._allocation.begin(known)
        return record

    def _trial(self, number: int) -> FrozenTrial:
        """Return a trial as the journal has it. Optuna replaces this object whenever the trial changes."""
        return self._storage.get_trial(self._ids[number])


def _allocation(config: RunConfig) -> Allocation:
    """Return the allocation of the run's goal; failed trials of a map are trained on, too."""
    mine = allocation_for(config)
    return mine if config.space.objectives else ContinuingAllocation(config, mine)
