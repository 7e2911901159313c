"""One of the runs that are merged, as its folder tells it. Nothing is written there."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.trial import FrozenTrial

from failmap.analysis.errors import UserError
from failmap.analysis.parsing import ParseError, Plain, parse
from failmap.analysis.run_folder import RunFolder
from failmap.analysis.storage import store_of
from failmap.analysis.storage.plain_files import require_plain_files
from failmap.search.config import RunConfig
from failmap.search.drivers import driver_of, is_known_dead
from failmap.search.loading import from_yaml
from failmap.search.merging.journal import read_trials
from failmap.search.shards import Shard


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
