"""Compare goal=best with Optuna: python -m benchmarks.best [tables=read] [replays=50] [trials=50,100,200].

`tables` are names, `read`, `unread` (those that nothing was tuned on) or `all`. With `minutes=10` no replay
begins after ten.
"""

import sys

from benchmarks.arguments import parse_arguments
from benchmarks.best.methods import METHODS
from benchmarks.best.page import TITLE, as_body
from benchmarks.best.pool import make_pool, replay_all, table_of
from benchmarks.best.tables import READ, UNREAD
from benchmarks.results_file import write_results


def main() -> int:
    """Replay every method on every table, and write the page."""
    asked = parse_arguments(
        tables="all", methods=";".join(METHODS), replays=50, trials="50,100,200", minutes=1e9, jobs=2
    )
    groups = {"read": READ, "unread": UNREAD, "all": (*READ, *UNREAD)}
    tables = groups.get(asked.tables, tuple(asked.tables.split(",")))
    methods, trials = asked.methods.split(";"), [int(word) for word in asked.trials.split(",")]
    for kind, names, known in (("tables", tables, groups["all"]), ("methods", methods, [*METHODS])):
        if unknown := [name for name in names if name not in known]:
            sys.exit(f"unknown {kind}: {', '.join(unknown)}; known: {', '.join(known)}")
    with make_pool(asked.jobs) as pool:
        replays = replay_all(pool, tables, methods, trials, asked.replays, asked.minutes)
    write_results("best", TITLE, as_body(replays, {name: table_of(name) for name in tables}, trials))
    return 0


if __name__ == "__main__":
    sys.exit(main())
