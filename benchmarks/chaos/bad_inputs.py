"""Feed corrupted files to every loader: python -m benchmarks.chaos.bad_inputs [minutes=2].

Each input must be accepted, or refused with one line for the user. Anything else, such as a traceback, is a
bug; the exit status is 1 then.
"""

import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.arguments import parse_arguments
from benchmarks.chaos.corruption import corrupted
from benchmarks.chaos.loaders import LOADERS, Loader, offer
from benchmarks.results_file import table, write_results

_THOROUGH = settings(
    max_examples=50,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Tried:
    """Results of the inputs to one loader.

    Attributes:
        counts: number of inputs by verdict: 'accepted', 'refused', 'other'.
        slowest_seconds: longest time for one input.
        faults: last frame of each distinct traceback.
    """

    counts: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    faults: dict[str, None] = field(default_factory=dict)


def try_loader(loader: Loader, seconds: float) -> Tried:
    """Feed corrupted inputs to a loader for this many seconds, at least fifty."""
    tried, end = Tried(), monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        loader.prepare(Path(folder))

        @_THOROUGH
        @given(corrupted(loader.valid()))
        def try_one(content: bytes) -> None:
            began = monotonic()
            try:
                tried.counts[offer(loader, Path(folder), content)] += 1
            except Exception:  # A bug of the loader, which is counted.
                tried.counts["other"] += 1
                tried.faults[traceback.format_exc(limit=-1).strip()] = None
            tried.slowest_seconds = max(tried.slowest_seconds, monotonic() - began)

        try_one()
        while monotonic() < end:
            try_one()
    return tried


def table_of(results: Mapping[str, Tried]) -> str:
    """Return Markdown with a row for each loader, followed by the totals."""
    columns = ("loader", "inputs tried", "refused in one line", "accepted", "anything else", "slowest, s")
    rows = []
    for name, tried in results.items():
        counts = (
            tried.counts.total(),
            *(tried.counts[verdict] for verdict in ("refused", "accepted", "other")),
        )
        rows.append((name, *(f"{count:,}" for count in counts), f"{tried.slowest_seconds:.2f}"))
    num_inputs = sum(tried.counts.total() for tried in results.values())
    num_other = sum(tried.counts["other"] for tried in results.values())
    totals = f"{num_inputs:,} inputs to {len(results)} loaders; {num_other} neither accepted nor refused."
    return f"{table(columns, rows)}\n\n{totals}"


def main() -> int:
    """Write the table, print the tracebacks, and return 1 if there are any."""
    minutes = parse_arguments(minutes=2.0).minutes
    warnings.simplefilter("ignore")
    results = {loader.name: try_loader(loader, 60 * minutes / len(LOADERS)) for loader in LOADERS}
    write_results("bad_inputs", "Corrupted inputs for every loader", table_of(results))
    faults = [fault for tried in results.values() for fault in tried.faults]
    print("\n\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
