"""Names of runs: readable, safe as a folder's, and unique in their storage."""

import re
from collections.abc import Sequence
from hashlib import blake2b

from failmap.analysis.run_names import MAX_LENGTH, name_problem
from failmap.analysis.storage import AnyPath, store_of

__all__ = ["MAX_LENGTH", "made_up_name", "name_problem"]


def made_up_name(
    space: str, differences: Sequence[tuple[str, str]], storage: AnyPath, suffix: str = ""
) -> str:
    """A name that says the space and what differs from its default: `lstm_depth-parity-depth_1_2`.

    Args:
        space: the space's name.
        differences: keys and texts of the words that change what the run is.
        storage: folder in which no run of the name may lie yet; -2, -3, ... is added until none does.
        suffix: what the name ends with: a shard's.
    """
    parts = (_part(key, text) for key, text in sorted(differences, key=_rank))
    name = "-".join(_safe(part) for part in (space, *parts))
    # The longest suffix for all shards, so that their names differ in nothing else.
    room = MAX_LENGTH - len("-9999") - (len(".9999of9999") if suffix else 0)
    name = _shortened(name.lstrip("._+-") or "run", room)
    store, unique, count = store_of(storage), name, 1
    while store.exists(storage / f"{unique}{suffix}"):
        count += 1
        unique = f"{name}-{count}"
    return f"{unique}{suffix}"


def _part(key: str, text: str) -> str:
    """`model.depth`, `1,2` becomes `depth_1_2`; a task's or network's name speaks for itself."""
    key = key.removesuffix(".name")
    return text if key in ("task", "model") else f"{key.partition('.')[2] or key}_{text}"


def _rank(difference: tuple[str, str]) -> tuple[bool, bool, str]:
    """Task and network first, then what concerns trials, then what concerns the run."""
    key, _ = difference
    return key.removesuffix(".name") not in ("task", "model"), "." not in key, key


def _safe(part: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"\.{2,}|[^A-Za-z0-9.+-]", "_", part)).strip("_")


def _shortened(name: str, room: int) -> str:
    """At most so many characters; what is cut off is told by a short hash."""
    if len(name) <= room:
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: room - len(digest) - 1].rstrip('._+-')}-{digest}"
