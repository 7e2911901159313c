"""Measure the cost of many trials.

    python -m benchmarks.chaos.load [parts=real,driver] [trials=10000] [workers=200]

`real` runs minimal trainings on a local Ray, resumes the run and makes its report. `driver` feeds results of
simulated workers to the driver's code, and needs no Ray.
"""

from benchmarks.arguments import parse_arguments
from benchmarks.chaos.load_driver import driver_rows
from benchmarks.chaos.load_real import real_rows
from benchmarks.results_file import table, write_results

PARTS = {"real": "real trainings on this machine", "driver": "the driver alone, simulated workers"}


def main() -> None:
    """Measure the selected parts and write their table."""
    asked = parse_arguments(parts="real,driver", trials=10_000, workers=200)
    parts = asked.parts.split(",")
    rows = []
    if "real" in parts:
        rows += [(PARTS["real"], name, value) for name, value in real_rows(asked.trials)]
    if "driver" in parts:
        rows += [(PARTS["driver"], name, value) for name, value in driver_rows(asked.trials, asked.workers)]
    write_results("load", f"Cost of {asked.trials:,} trials", table(("part", "what", "value"), rows))


if __name__ == "__main__":
    main()
