"""One of the runs that are merged, as its folder tells it. Nothing is written there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import ParseError, Plain, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import is_local, store_of
from failmap.run_folder.storage.bounded_files import MAX_LOG_BYTES, require_plain_files
from failmap.run_folder.storage.object_logs import lines_of, read_segments
from failmap.search.config import RunConfig
from failmap.search.lease import driver_of, is_known_dead
from failmap.search.loading import from_yaml
from failmap.search.shards import Shard


class MemoryJournal(BaseJournalBackend):
    """Lines of Optuna's journal; what is added stays here."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.num_read = 0

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The records from this number on. Raises ValueError where a line is none."""
        for number, line in enumerate(self.lines[log_number_from:], start=log_number_from + 1):
            self.num_read = number
            yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds records, each one line."""
        self.lines += (
            json.dumps(log, separators=(",", ":"), allow_nan=False).encode() + b"\n" for log in logs
        )


def read_trials(folder: RunFolder) -> tuple[FrozenTrial, ...]:
    """A run's trials by number, from its journal, which stays as it is: a torn last line is left out.

    Raises:
        UserError: a line is corrupt; it is named.
        OSError: the journal cannot be read.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = MemoryJournal(_lines(folder))
    try:
        storage = JournalStorage(journal)
        studies = storage.get_all_studies()
        # A run has one study, or none where its driver died at once.
        trials = storage.get_all_trials(studies[0]._study_id, deepcopy=False) if studies else []
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError):
        # Optuna trusts what it reads: a line that is JSON but no record shows itself while it is replayed.
        raise UserError(f"{folder.journal}, line {journal.num_read} is corrupt") from None
    return tuple(sorted(trials, key=lambda trial: trial.number))


def _lines(folder: RunFolder) -> list[bytes]:
    store = store_of(folder.path)
    if not is_local(folder.journal):
        return list(lines_of(read_segments(store, folder.journal)))
    if not store.exists(folder.journal):
        return []
    lines = store.read(folder.journal, MAX_LOG_BYTES).splitlines(keepends=True)
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]


@dataclass(frozen=True)
class Source:
    """A run to take trials from.

    Attributes:
        folder: where it lies.
        config: its own.
        trials: by number, as the journal has them.
        provenance: its provenance.json; no sessions where it has none that can be read.
    """

    folder: RunFolder
    config: RunConfig
    trials: tuple[FrozenTrial, ...]
    provenance: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run's, by its folder: a copy may be called otherwise."""
        return self.folder.name

    @property
    def place(self) -> str:
        """Its folder: two machines may have called their runs alike."""
        return str(self.folder.path)

    @property
    def shard(self) -> Shard | None:
        """Which one it is, if it is one."""
        return None if self.config.shard is None else Shard.parse(self.config.shard)

    @property
    def last_session(self) -> Mapping[str, Any]:
        """Code, versions, hardware and files of its last session; nothing where nobody wrote them down."""
        sessions = self.provenance["sessions"]
        last: Mapping[str, Any] = sessions[-1] if sessions else {}
        return last

    @cached_property
    def trial_files(self) -> Mapping[int, list[str]]:
        """The files of each trial by its number, as paths from its folder."""
        names: dict[int, list[str]] = {}
        for path in store_of(self.folder.path).list_files(self.folder.trials):
            number, _, name = path.partition("/")
            if number.isdecimal() and name:
                names.setdefault(int(number), []).append(name)
        return names

    def history(self, number: int) -> list[dict[str, Any]]:
        """A trial's evaluations without their timings; a torn last line is left out.

        Raises:
            UserError: a line is none; it is named.
        """
        path = self.folder.trial(number).history
        try:
            lines = store_of(path).read(path).splitlines(keepends=True)
        except FileNotFoundError:
            return []
        history = []
        for count, line in enumerate(lines, start=1):
            if line.endswith(b"\n"):
                try:
                    values = parse(dict[str, Plain], line)
                    values.pop("seconds")
                except (ParseError, KeyError):
                    raise UserError(f"{path}, line {count} is corrupt: no evaluation") from None
                history.append(values)
        return history


def read_source(folder: RunFolder) -> Source:
    """Reads a run.

    Raises:
        UserError: it is being driven, a file of it is corrupt or missing, or its journal lies elsewhere.
    """
    store = store_of(folder.path)
    require_plain_files(folder.path)
    owner = driver_of(folder)
    if owner is not None and not is_known_dead(owner):
        raise UserError(
            f"{folder.path} is driven by {owner}: stop that one first (search.stop); "
            f"if that host is gone, or this is a copy, delete {folder.lock}"
        )
    try:
        config = from_yaml(store.read(folder.config).decode("utf-8"))
        if config.journal is not None:
            raise UserError("its journal lies in a database: only journals in run folders can be merged")
        trials = read_trials(folder)
    except UserError as error:
        raise UserError(*(_placed(folder, problem) for problem in error.problems)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{folder.path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    return Source(folder, config, trials, _provenance(folder))


def _placed(folder: RunFolder, problem: str) -> str:
    """The problem with the path of the run that has it."""
    return problem if str(folder.path) in problem else f"{folder.path}: {problem}"


def _provenance(folder: RunFolder) -> dict[str, Any]:
    """A diary that cannot be read keeps no run from being merged."""
    try:
        stored = parse(dict[str, Plain], store_of(folder.path).read(folder.provenance))
        sessions = [session for session in stored["sessions"] if isinstance(session["command"], list)]
        return {"codes": dict(stored["codes"]), "sessions": sessions}
    except (OSError, ValueError, KeyError, TypeError):
        return {"codes": {}, "sessions": []}
