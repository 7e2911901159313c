"""`python -m benchmarks.real_faults [half=read|unread] [names=a,b] [jobs=2]`: write the results page."""

import sys

from benchmarks.arguments import parse_arguments
from benchmarks.real_faults.page import TITLE, as_body
from benchmarks.real_faults.run import HALVES, modules_of, run_all
from benchmarks.results_file import write_results


def main() -> None:
    """Run the asked-for cases and write the page; exit with a line if a half or a name is unknown."""
    arguments = parse_arguments(half="read", names="", jobs=2)
    if arguments.half not in HALVES:
        sys.exit(f"unknown half: {arguments.half}; known: {', '.join(HALVES)}")
    modules = modules_of(arguments.half)
    names = [name for name in arguments.names.split(",") if name] or list(modules)
    if unknown := [name for name in names if name not in modules]:
        sys.exit(f"unknown names: {', '.join(unknown)}; known: {', '.join(modules)}")
    outcomes = run_all([modules[name] for name in names], arguments.jobs)
    write_results(f"real-faults-{arguments.half}", f"{TITLE}, {arguments.half}", as_body(outcomes))


if __name__ == "__main__":
    main()
