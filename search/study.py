"""The one owner of decisions: what to try next, whether to stop, and how trials ended."""

import math
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

import optuna
from optuna.trial import FrozenTrial

from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.run_folder.records import Fault, FaultKind, Outcome, Summary
from failmap.run_folder.storage import store_of, write_atomically
from failmap.search.allocation.map_allocation import Allocation, Cost, MapAllocation
from failmap.search.allocation.needs import KnownTrial
from failmap.search.config import RunConfig
from failmap.search.journal.log import Journal
from failmap.search.journal.opening import open_journal
from failmap.search.journal.recovery import records_behind
from failmap.search.journal.trial_codec import (
    STATES,
    config_of,
    faults_of,
    halvings_of,
    known_trial,
    new_entry,
    record_of,
    summary_of,
    values_told,
)
from failmap.search.lease import Lease, acquire_lease
from failmap.search.lease_terms import DEFAULT_TIMING, LeaseTiming
from failmap.search.new_run import report_disk_errors
from failmap.search.pruners import PRUNERS
from failmap.search.samplers import SAMPLERS
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import begin_attempt

Notice = Callable[[str], None]

#: After these a trial begins anew: what its checkpoint holds may be the fault's reason, or of another batch.
_FROM_THE_START: tuple[FaultKind, ...] = ("error", "out_of_memory")
#: Characters of a fault's reason that are kept.
_MAX_REASON = 500


@dataclass(frozen=True)
class Start:
    """A trial to start, or to go on with where `attempt` is above 1."""

    number: int
    attempt: int
    config: TrialConfig
    folder: TrialFolder
    cell: Cell


@dataclass(frozen=True)
class Results:
    """What is known so far, for the live view.

    Attributes:
        cells: every trial of the map that was begun, by cell; one that has not ended has its last known
            score.
        outcomes: how many of them ended in each way.
        num_unfinished: those that were begun and have not ended.
        interventions: the trials that are no evidence of their cells.
    """

    cells: Mapping[Cell, Sequence[KnownTrial]]
    outcomes: Mapping[Outcome, int]
    num_unfinished: int
    interventions: Sequence[KnownTrial] = ()


class Study:
    """A run's decisions, kept in its journal.

    A trial is created by one record, and ended by two: its summary, then Optuna's state. The files under
    trials/ follow the journal, and are mended from it where a crash came between.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: RunFolder,
        journal: Journal,
        agenda: Allocation,
        lease: Lease,
    ) -> None:
        """Use `Study.open`."""
        self._config, self._folder, self._lease = config, folder, lease
        self._store = store_of(folder.path)
        self._journal, self._storage = journal, journal.storage
        self._study = optuna.create_study(
            storage=self._storage, study_name=journal.study_name, direction="maximize", load_if_exists=True
        )
        self._study_id = self._storage.get_study_id_from_name(journal.study_name)
        self._pruner = PRUNERS[config.pruner](config)
        self._agenda = agenda
        self._notes: list[KnownTrial] = []
        self._by_cell: dict[Cell, list[KnownTrial]] = defaultdict(list)
        self._interventions: list[KnownTrial] = []
        self._ids: list[int] = []
        self._unfinished: list[int] = []
        self._forgotten: set[str] = set()
        self._running: set[int] = set()

    @classmethod
    def open(
        cls,
        config: RunConfig,
        folder: RunFolder,
        notice: Notice,
        cost: Cost | None = None,
        agenda: Allocation | None = None,
        timing: LeaseTiming = DEFAULT_TIMING,
    ) -> "Study":
        """Begins a run, or goes on with it.

        Args:
            config: the run's; with a journal that exists it must have the same space, or more of it.
            folder: the run's; made where it is missing.
            notice: is told of every repair.
            cost: relative cost of a trial, for the order of the cells; search.cost's where left out.
            agenda: what to begin next, new: it is told of every trial; the map's where left out.
            timing: Of the lease's beats.

        Raises:
            UserError: another driver is at work; the journal is corrupt; the folder cannot be written.
        """
        if cost is None:
            from failmap.search.cost import relative_cost

            cost = relative_cost
        if agenda is None:
            agenda = MapAllocation(config, SAMPLERS[config.sampler](config.space, config.seed), cost)
        with report_disk_errors(folder):
            store_of(folder.path).make_folder(folder.path)
            store_of(folder.path).make_folder(folder.trials)
            lease = acquire_lease(folder, notice, timing=timing)
            try:
                journal = open_journal(config, folder, notice, lease.check)
                try:
                    with journal.translate_errors():
                        study = cls(config, folder, journal, agenda, lease)
                        study._read(notice)
                except BaseException:
                    journal.close()
                    raise
            except BaseException:
                lease.release()
                raise
        return study

    def ask(self) -> Start | None:
        """The next trial to start; None: none now, and perhaps later, when running ones have ended.

        Raises:
            UserError: another driver has taken the run over; the disk is full or the like.
        """
        with self._errors_told():
            if self._unfinished:
                start = self._go_on(self._unfinished[0])
                del self._unfinished[0]
            else:
                begun = self._begin()
                if begun is None:
                    return None
                start = begun
            begin_attempt(start.folder, start.attempt)
            self._write_record(self._trial(start.number))
        self._running.add(start.number)
        return start

    @property
    def is_over(self) -> bool:
        """Whether nothing runs, waits to be gone on with, or will ever be asked under this budget."""
        return not self._running and not self._unfinished and self._agenda.next() is None

    def report(self, number: int, update: int, score: float) -> bool:
        """Takes an evaluation's score.

        Returns:
            Whether to stop this trial by its rank. It is then told with the outcome 'censored'.

        Raises:
            UserError: the disk is full or the like.
        """
        assert math.isfinite(score), f"trial {number} reports a score of {score}"
        self._notes[number].score = score
        with self._errors_told():
            if not self._pruner.judges_at(self._trial(number), update):
                return False
            self._storage.set_trial_intermediate_value(self._ids[number], update, score)
            rivals = [self._trial(note.number) for note in self._by_cell[self._notes[number].cell]]
            return self._pruner.stops(self._trial(number), rivals)

    def requeue(self, number: int) -> None:
        """A trial was interrupted, and saved itself: it is asked again before all others.

        That happens in this session; a driver that is about to stop asks no more, and leaves it to a resume.
        """
        assert number in self._running, f"trial {number} does not run"
        self._running.remove(number)
        insort(self._unfinished, number)

    def requeue_after_fault(
        self, number: int, kind: FaultKind, reason: str, *, halve_batch: bool = False
    ) -> None:
        """Writes a fault down, and has the trial asked again as `requeue` does.

        After an error of its code it begins anew, and with half the batch where that is asked for; after all
        other faults it goes on from its checkpoint.

        Args:
            number: of a trial that runs.
            kind: what ended its start.
            reason: as long as it likes: what is kept of it is one line.
            halve_batch: only of a batch that has two parts.

        Raises:
            UserError: another driver has taken the run over; the disk is full or the like.
        """
        with self._errors_told():
            trial = self._trial(number)
            at = datetime.now().astimezone().isoformat(timespec="milliseconds")
            fault = Fault(trial.user_attrs["attempt"], kind, _one_line(reason), at)
            faults = [asdict(one) for one in (*faults_of(trial), fault)]
            self._storage.set_trial_user_attr(self._ids[number], "faults", faults)
            # After the fault: a crash in between costs one more try with the batch as it was, and no more.
            if halve_batch:
                batch_size = config_of(trial).train.batch_size
                assert isinstance(batch_size, int), f"trial {number} has no batch that can be halved"
                assert batch_size > 1, f"trial {number} has no batch that can be halved"
                self._storage.set_trial_user_attr(self._ids[number], "batch_halvings", halvings_of(trial) + 1)
            self._flush()
        self.requeue(number)

    def faults(self, number: int) -> tuple[Fault, ...]:
        """What ended earlier starts of a trial, in all sessions."""
        with self._errors_told():
            return faults_of(self._trial(number))

    def tell(self, number: int, summary: Summary) -> None:
        """Takes how a trial ended.

        Raises:
            UserError: the disk is full or the like.
        """
        assert number in self._running, f"trial {number} does not run"
        assert summary.outcome is not None, f"trial {number} has not ended: put it back"
        self._running.remove(number)
        assert math.isfinite(summary.score), f"trial {number} ended with a score of {summary.score}"
        with self._errors_told():
            self._storage.set_trial_user_attr(self._ids[number], "summary", summary.to_dict())
            self._end(number, summary)
            # Last the record: where it is right after a crash, nothing else is left to mend.
            self._drop_checkpoint(number)
            self._write_record(self._trial(number))
        self._agenda.end(self._notes[number], summary.outcome, summary.score)

    def results(self) -> Results:
        """What is known so far."""
        ended = (note.outcome for notes in self._by_cell.values() for note in notes)
        outcomes = Counter(outcome for outcome in ended if outcome is not None)
        num_unfinished = len(self._notes) - len(self._interventions) - outcomes.total()
        return Results(self._by_cell, outcomes, num_unfinished, self._interventions)

    @property
    def holds_lease(self) -> bool:
        """Whether no other driver is known to have taken the run over."""
        return self._lease.is_held

    def close(self) -> None:
        """Gives back the run's lock. Trials that run stay unfinished, and are asked first after a resume."""
        self._journal.close()
        self._lease.release()

    def _begin(self) -> Start | None:
        job = self._agenda.next()
        if job is None:
            return None
        number = len(self._notes)
        is_exempt = job.purpose == "explore" and self._pruner.is_exempt(number)
        folder = self._folder.trial(number)
        if folder.path.name in self._forgotten:
            self._store.remove_tree(folder.path)
        entry = new_entry(self._config.space, job, is_exempt=is_exempt)
        self._ids.append(self._storage.create_new_trial(self._study_id, template_trial=entry))
        self._flush()
        trial = self._trial(number)
        assert trial.number == number, f"{trial.number}: somebody else writes this journal"
        self._take_in(trial)
        return Start(number, 1, job.config, folder, job.cell)

    def _go_on(self, number: int) -> Start:
        """Starts an unfinished trial again; its worker goes on from its checkpoint, where there is one."""
        trial = self._trial(number)
        attempt, faults = trial.user_attrs["attempt"] + 1, faults_of(trial)
        # Here, not when the fault was written down: so a crash in between leaves it to the next session.
        if faults and faults[-1].attempt == attempt - 1 and faults[-1].kind in _FROM_THE_START:
            self._drop_checkpoint(number)
        self._storage.set_trial_user_attr(self._ids[number], "attempt", attempt)
        self._flush()
        folder, cell = self._folder.trial(number), self._notes[number].cell
        return Start(number, attempt, config_of(trial), folder, cell)

    def _read(self, notice: Notice) -> None:
        """Takes in what earlier sessions did, and mends what they left undone."""
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            self._ids.append(
                self._storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number)
            )
            self._take_in(trial)
            if not trial.state.is_finished():
                summary = summary_of(trial)
                if summary is None:
                    self._unfinished.append(trial.number)
                else:
                    self._end(trial.number, summary)
                    trials[trial.number] = self._trial(trial.number)
        # After a power loss files may lie here of trials that the journal has forgotten.
        folders = self._store.list_folders(self._folder.trials)
        self._forgotten = {name for name in folders if not name.isdecimal() or int(name) >= len(trials)}
        behind = records_behind(self._folder, trials)
        for trial in behind:
            if self._notes[trial.number].outcome is not None:
                self._drop_checkpoint(trial.number)
            self._write_record(trial)
        if behind:
            notice(f"{len(behind)} trial records were behind the journal, and were written again from it")

    def _end(self, number: int, summary: Summary) -> None:
        assert summary.outcome is not None
        self._storage.set_trial_state_values(self._ids[number], STATES[summary.outcome], values_told(summary))
        self._flush()

    def _flush(self) -> None:
        """What was decided outlives this machine from here on. No driver that was superseded gets here."""
        self._lease.check()
        self._journal.sync()

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        with report_disk_errors(self._folder), self._journal.translate_errors():
            yield

    def _drop_checkpoint(self, number: int) -> None:
        """The trial does not go on from there."""
        self._store.remove_tree(self._folder.trial(number).checkpoint)

    def _write_record(self, trial: FrozenTrial) -> None:
        # The journal, which is on the disk by now, brings a record back that a power loss takes.
        path = self._folder.trial(trial.number).record
        write_atomically(path, record_of(trial).to_json(), survives_power_loss=False)

    def _take_in(self, trial: FrozenTrial) -> None:
        note = known_trial(trial, self._config.space)
        self._notes.append(note)
        if note.intervention is None:
            self._by_cell[note.cell].append(note)
        else:
            self._interventions.append(note)
        self._agenda.begin(note, trial.user_attrs["recipe"])

    def _trial(self, number: int) -> FrozenTrial:
        """What the journal holds of it. Optuna replaces this object whenever the trial changes."""
        return self._storage.get_trial(self._ids[number])


def _one_line(reason: str) -> str:
    """Errors quote whole tensors: the journal, which lies in memory, keeps their beginning."""
    words = " ".join(reason.split())
    return words if len(words) <= _MAX_REASON else f"{words[: _MAX_REASON - 3]}..."
