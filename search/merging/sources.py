"""The runs to be merged, read from their folders, and whether they are parts of one run."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import ParseError, Plain, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of
from failmap.run_folder.storage.bounded_files import require_plain_files
from failmap.search.config import Budget, Cluster, RunConfig
from failmap.search.journal.log import read_trials
from failmap.search.lease import driver_of
from failmap.search.loading import differences, from_yaml, require_map, require_searched
from failmap.search.shards import Shard, shard_of_name

#: Settings in which parts of one run may differ: limits, locations, and what is kept.
_HARMLESS = ("budget.", "cluster.", "keep: ", "shard: ")
_KEEP = ("none", "learned", "all")


@dataclass(frozen=True)
class Source:
    """A run to be merged. Nothing is written to its folder.

    Attributes:
        folder: The run's folder.
        config: The run's configuration.
        trials: The trials of its journal by number.
        provenance: Its provenance.json, without sessions if that cannot be read.
    """

    folder: RunFolder
    config: RunConfig
    trials: tuple[FrozenTrial, ...]
    provenance: Mapping[str, Any]

    @property
    def location(self) -> str:
        """The path of the run's folder: names may repeat across machines."""
        return str(self.folder.path)

    @property
    def shard(self) -> Shard | None:
        """The run's shard, or None if it is not one."""
        return None if self.config.shard is None else Shard.parse(self.config.shard)

    @property
    def last_session(self) -> Mapping[str, Any]:
        """Code, versions, hardware and files of the last session; empty if unknown."""
        sessions = self.provenance["sessions"]
        return dict(sessions[-1]) if sessions else {}

    @cached_property
    def trial_files(self) -> Mapping[int, list[str]]:
        """The files of each trial, by its number, as paths relative to its folder."""
        names: dict[int, list[str]] = defaultdict(list)
        for path in store_of(self.folder.path).list_files(self.folder.trials):
            number, _, name = path.partition("/")
            if number.isdecimal() and name:
                names[int(number)].append(name)
        return names

    def history(self, number: int) -> list[dict[str, Any]]:
        """Return a trial's evaluations without their timings. A torn last line is ignored.

        Raises:
            UserError: A line is corrupt; it is named.
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
    """Read a run.

    Raises:
        UserError: It has a driver, a file is corrupt or missing, or its journal is in a database.
    """
    store = store_of(folder.path)
    require_plain_files(folder.path)
    owner = driver_of(folder)
    if owner is not None and not owner.is_known_dead:
        raise UserError(
            f"{folder.path} is driven by {owner}: stop that one first (search.stop); "
            f"if that host is gone, or this is a copy, delete {folder.lock}"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        config = from_yaml(store.read(folder.config).decode("utf-8"))
        require_searched(config)
        require_map(config, "merge")
        if config.journal is not None:
            raise UserError("its journal is in a database: only journals in run folders can be merged")
        trials = read_trials(folder.journal)
    except UserError as error:
        raise UserError(
            *(
                problem if str(folder.path) in problem else f"{folder.path}: {problem}"
                for problem in error.problems
            )
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{folder.path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    return Source(folder, config, trials, _read_provenance(folder))


def _read_provenance(folder: RunFolder) -> dict[str, Any]:
    """Return a run's provenance, empty if it cannot be read: that keeps no run from being merged."""
    try:
        stored = parse(dict[str, Plain], store_of(folder.path).read(folder.provenance))
        sessions = [session for session in stored["sessions"] if isinstance(session["command"], list)]
        return {"codes": dict(stored["codes"]), "sessions": sessions}
    except (OSError, ValueError, KeyError, TypeError):
        return {"codes": {}, "sessions": []}


def incompatibilities(sources: Sequence[Source]) -> Iterator[str]:
    """Yield the reasons why the sources are not parts of one run, one line each."""
    for source in sources[1:]:
        for line in differences(sources[0].config, source.config):
            if not line.startswith(_HARMLESS):
                yield f"{source.location} is another run than {sources[0].location}: {line}"
    by_shard: dict[Shard, list[str]] = defaultdict(list)
    for source in sources:
        if source.shard is not None:
            by_shard[source.shard].append(source.location)
    for shard, locations in by_shard.items():
        if len(locations) > 1:
            yield f"{shard.text} occurs more than once: {', '.join(locations)}"
    seen: dict[str, tuple[Source, Any]] = {}
    for source in sources:
        for path, state in source.last_session.get("files", {}).items():
            first, known = seen.setdefault(path, (source, state))
            if known != state:
                yield f"{source.location} was trained on another {path} than {first.location}"


def absent_shards(sources: Sequence[Source]) -> list[str]:
    """Return the names of the runs that are missing between shards."""
    present = {source.shard: source.folder.name for source in sources if source.shard is not None}
    missing = {}
    for shard, name in present.items():
        whole = shard_of_name(name)[0]
        missing.update({other: f"{whole}{other.suffix}" for other in shard.all if other not in present})
    return [missing[shard] for shard in sorted(missing)]


def harmless_differences(sources: Sequence[Source]) -> Iterator[str]:
    """Yield the differences because of which histories may not be bit-equal, one line each."""
    sessions = [source.last_session for source in sources]
    machines = [session.get("hardware", {}).items() for session in sessions]
    compared: dict[str, list[Any]] = {
        "code": [_code_text(source) for source in sources],
        "versions": [session.get("versions") for session in sessions],
        "hardware": [{key: value for key, value in items if key in ("cpu", "gpus")} for items in machines],
        "threads of a trial": [_thread_text(source) for source in sources],
    }
    for what, values in compared.items():
        if any(value != values[0] for value in values):
            by_name = {source.folder.name: value for source, value in zip(sources, values, strict=True)}
            listed = "; ".join(f"{name}: {_value_text(value)}" for name, value in by_name.items())
            yield f"{what} of the sources differ, so that histories may not be bit-equal: {listed}"


def merged_config(sources: Sequence[Source], *, run: str, storage: str) -> RunConfig:
    """Return the configuration of the merged run: the sources', with the largest of their limits."""
    config, configs = sources[0].config, [source.config for source in sources]
    has_one_cluster = all(other.cluster == config.cluster for other in configs)
    changes = {
        "run": run,
        "storage": storage,
        "shard": None,
        "budget": _merged_budget([other.budget for other in configs]),
        # If the sources' machines differ, the merged run's is yet another one.
        "cluster": config.cluster if has_one_cluster else Cluster(),
        "keep": max((other.keep for other in configs), key=_KEEP.index),
        "continue_to": max((other.continue_to for other in configs if other.continue_to), default=None),
    }
    return config.model_copy(update=changes)


def _merged_budget(budgets: Sequence[Budget]) -> Budget:
    """Return the largest of every limit, where None is no limit, and the sum of the trials."""
    budget = budgets[0]
    if any(other != budget for other in budgets):
        limits = {name: [getattr(other, name) for other in budgets] for name in Budget.model_fields}
        largest = {name: None if None in values else max(values) for name, values in limits.items()}
        budget = Budget(**{**largest, "name": "custom"})
    if budget.trials is not None:
        budget = budget.model_copy(update={"trials": sum(other.trials or 0 for other in budgets)})
    return budget


def _code_text(source: Source) -> str:
    code = source.provenance["codes"].get(source.last_session.get("code"), {})
    revision = (code.get("revision") or "unknown")[:10]
    return f"revision {revision}{' with changes' if code.get('diff') else ''}" if code else "unknown"


def _thread_text(source: Source) -> str:
    """Return the numbers of threads of all sessions; those of earlier revisions had the configuration's."""
    configured = source.config.cluster.cpus_per_trial
    found = {session.get("threads") or configured for session in source.provenance["sessions"]}
    return ", ".join(map(str, sorted(found or {configured})))


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)
