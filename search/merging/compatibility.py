"""Whether runs belong together, and the configuration of the run that they become."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from failmap.search.config import Budget, RunConfig
from failmap.search.loading import differences
from failmap.search.merging.source import Source
from failmap.search.shards import Shard, shard_of_name

#: What runs may have otherwise and still be parts of one: limits, places, what is kept.
_HARMLESS = ("budget.", "cluster.", "keep: ", "shard: ")
_KEEP = ("none", "learned", "all")


def incompatibilities(sources: Sequence[Source]) -> Iterator[str]:
    """Why sources are no parts of one run, a line each."""
    first = sources[0] if sources else None
    for source in sources[1:]:
        assert first is not None
        changed = [
            line for line in differences(first.config, source.config) if not line.startswith(_HARMLESS)
        ]
        yield from (f"{source.place} is another run than {first.place}: {line}" for line in changed)
    by_shard: dict[Shard, list[str]] = defaultdict(list)
    for source in sources:
        if source.shard is not None:
            by_shard[source.shard].append(source.place)
    for shard, places in by_shard.items():
        if len(places) > 1:
            yield f"{shard.words} is there more than once: {', '.join(places)}"
    yield from _other_files(sources)


def absent_shards(sources: Sequence[Source]) -> list[str]:
    """The names of the runs that are missing beside shards."""
    there = {source.shard: source.name for source in sources if source.shard is not None}
    missing = {}
    for shard, name in there.items():
        whole = shard_of_name(name)[0]
        missing.update({other: f"{whole}{other.suffix}" for other in shard.all if other not in there})
    return [missing[shard] for shard in sorted(missing)]


def harmless_differences(sources: Sequence[Source]) -> Iterator[str]:
    """What sources have otherwise that keeps them from being bit-equal, but not from being one run."""
    told: dict[str, Callable[[Source], Any]] = {
        "code": _code,
        "versions": lambda source: source.last_session.get("versions"),
        "hardware": lambda source: {
            key: value
            for key, value in source.last_session.get("hardware", {}).items()
            if key in ("cpu", "gpus")
        },
    }
    for what, of in told.items():
        seen = {source.name: of(source) for source in sources}
        if any(value != seen[sources[0].name] for value in seen.values()):
            shown = "; ".join(f"{name}: {_words(value)}" for name, value in seen.items())
            yield f"{what} of the sources differ, so that histories need not be bit-equal: {shown}"


def merged_config(sources: Sequence[Source], *, run: str, storage: str) -> RunConfig:
    """What the merged run is resumed with: the sources' own, with the widest of their limits."""
    config, configs = sources[0].config, [source.config for source in sources]
    budgets = [config.budget for config in configs]
    is_alike = all(other.cluster == config.cluster for other in configs)
    changes = {
        "run": run,
        "storage": storage,
        "shard": None,
        "budget": budgets[0] if all(other == budgets[0] for other in budgets) else _widest(budgets),
        # Where machines differ, this one is another one still.
        "cluster": config.cluster if is_alike else type(config.cluster)(),
        "keep": max((other.keep for other in configs), key=_KEEP.index),
    }
    budget = changes["budget"]
    assert isinstance(budget, Budget)
    if budget.trials is not None:
        # Each source had its own: a run that has them all may have as many.
        total = sum(other.trials or 0 for other in budgets)
        changes["budget"] = budget.model_copy(update={"trials": total})
    return config.model_copy(update=changes)


def _widest(budgets: Sequence[Budget]) -> Budget:
    """The largest of every limit; none is larger than all."""
    values: dict[str, Any] = {"name": "custom"}
    for name in Budget.model_fields:
        if name != "name":
            limits = [getattr(budget, name) for budget in budgets]
            values[name] = None if None in limits else max(limits)
    return Budget(**values)


def _other_files(sources: Sequence[Source]) -> Iterator[str]:
    """Data of the user's that are not the same everywhere."""
    seen: dict[str, tuple[Source, Any]] = {}
    for source in sources:
        for path, state in source.last_session.get("files", {}).items():
            first, known = seen.setdefault(path, (source, state))
            if known != state:
                yield f"{source.place} was trained on another {path} than {first.place}"


def _code(source: Source) -> Any:
    digest = source.last_session.get("code")
    code = source.provenance["codes"].get(digest, {})
    revision = (code.get("revision") or "unknown")[:10]
    return f"revision {revision}{' with changes' if code.get('diff') else ''}" if code else "unknown"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)
