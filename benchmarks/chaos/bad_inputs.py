"""How many bad inputs every loader was offered, and what came of them.

usage: python -m benchmarks.chaos.bad_inputs [minutes=2]

Writes a table: loader, inputs tried, refused in one line, accepted, anything else (a traceback), slowest.
"""

import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.chaos.loaders import LOADERS, Loader, offer
from benchmarks.chaos.spoiling import spoilt
from benchmarks.results_file import write_results

_THOROUGH = settings(
    max_examples=50,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Tried:
    """What came of the inputs that one loader was offered.

    Attributes:
        counts: by verdict: 'accepted', 'refused', 'other'.
        slowest_seconds: of one input.
        faults: the end of each different traceback.
    """

    counts: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    faults: dict[str, None] = field(default_factory=dict)


def try_loader(loader: Loader, seconds: float) -> Tried:
    """Offers a loader as many bad inputs as fit into so many seconds, fifty at least."""
    tried, end = Tried(), monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        loader.prepare(Path(folder))

        @_THOROUGH
        @given(spoilt(loader.valid()))
        def try_one(content: bytes) -> None:
            began = monotonic()
            try:
                tried.counts[offer(loader, Path(folder), content)] += 1
            except Exception:  # What a loader must not let through is what is counted here.
                tried.counts["other"] += 1
                tried.faults[traceback.format_exc(limit=-1).strip()] = None
            tried.slowest_seconds = max(tried.slowest_seconds, monotonic() - began)

        try_one()
        while monotonic() < end:
            try_one()
    return tried


def table_of(results: Mapping[str, Tried]) -> str:
    """Markdown: a row a loader, the sum below."""
    rows = [
        "| loader | inputs tried | refused in one line | accepted | anything else | slowest, s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, tried in results.items():
        counts = [tried.counts[verdict] for verdict in ("refused", "accepted", "other")]
        cells = " | ".join(f"{count:,}" for count in (tried.counts.total(), *counts))
        rows.append(f"| {name} | {cells} | {tried.slowest_seconds:.2f} |")
    num_inputs = sum(tried.counts.total() for tried in results.values())
    num_other = sum(tried.counts["other"] for tried in results.values())
    summed = (
        f"{num_inputs:,} inputs in all, of {len(results)} loaders; {num_other} came to anything but a value "
        "or one line."
    )
    return "\n".join([*rows, "", summed])


def main(words: Sequence[str]) -> int:
    """Writes the table; 1 where anything but a value or one line came of an input."""
    minutes = float(dict(word.split("=") for word in words).get("minutes", "2"))
    warnings.simplefilter("ignore")
    results = {loader.name: try_loader(loader, 60 * minutes / len(LOADERS)) for loader in LOADERS}
    write_results("bad_inputs", "Spoilt inputs for every loader", table_of(results))
    faults = [fault for tried in results.values() for fault in tried.faults]
    print("\n\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
