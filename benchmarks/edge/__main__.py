"""Replay searches on the truth tables: python -m benchmarks.edge [tables=parity,order] [replays=50] [jobs=2].

The table that nothing is tuned on is read only if it is named.
"""

import sys
from pathlib import Path

from benchmarks.arguments import parse_arguments
from benchmarks.edge.methods import METHODS
from benchmarks.edge.page import TITLE, as_body
from benchmarks.edge.pool import make_pool, replay_methods, truth_of
from benchmarks.edge.tables import CURVES, NAMES, UNSEEN, Table
from benchmarks.results_file import write_results


def main() -> int:
    """Replay every method on every complete table, and write the page."""
    asked = parse_arguments(
        tables=",".join(name for name in NAMES if name != UNSEEN),
        methods=",".join(METHODS),
        replays=50,
        workers=2,
        jobs=2,
        curves=str(CURVES),
    )
    tables, methods = asked.tables.split(","), asked.methods.split(",")
    for kind, names, known in (("tables", tables, NAMES), ("methods", methods, METHODS)):
        if unknown := [name for name in names if name not in known]:
            sys.exit(f"unknown {kind}: {', '.join(unknown)}; known: {', '.join(known)}")
    missing = {name: Table(name, Path(asked.curves)).num_missing for name in tables}
    complete = [name for name in tables if not missing[name]]
    with make_pool(asked.jobs) as pool:
        replays = {
            name: replay_methods(pool, name, asked.curves, methods, asked.replays, asked.workers)
            for name in complete
        }
    truths = {name: truth_of(name, asked.curves) for name in complete}
    incomplete = {name: num for name, num in missing.items() if num}
    write_results("edge", TITLE, as_body(replays, truths, incomplete))
    return 0


if __name__ == "__main__":
    sys.exit(main())
