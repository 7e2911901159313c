"""What many trials cost: python -m benchmarks.chaos.load [parts=real,driver] [trials=10000] [workers=200].

`real` runs the smallest trainings there are on this machine's Ray, resumes the run and reports on it.
`driver` hands results of simulated workers to the driver's own code, and needs no Ray.
"""

import sys

from benchmarks.chaos.load_driver import driver_rows
from benchmarks.chaos.load_real import real_rows
from benchmarks.results_file import write_results

PARTS = {"real": "real trainings on this machine", "driver": "the driver alone, simulated workers"}


def main() -> None:
    """Measures the parts asked for, and writes their table."""
    settings = dict(word.split("=", 1) for word in sys.argv[1:])
    trials, workers = int(settings.get("trials", 10_000)), int(settings.get("workers", 200))
    parts = settings.get("parts", "real,driver").split(",")
    rows = []
    if "real" in parts:
        rows += [(PARTS["real"], name, value) for name, value in real_rows(trials)]
    if "driver" in parts:
        rows += [(PARTS["driver"], name, value) for name, value in driver_rows(trials, workers)]
    table = "\n".join(
        ["| part | what | value |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    )
    write_results("load", f"What {trials:,} trials cost", table)


if __name__ == "__main__":
    main()
