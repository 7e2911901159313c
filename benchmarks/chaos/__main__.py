"""Inject faults into real processes: python -m benchmarks.chaos [faults=a,b] [minutes=20] [seed=0].

Writes a table to benchmarks/results, or prints it if only some faults are selected.
"""

import sys
import time
from difflib import get_close_matches

from benchmarks.arguments import parse_arguments
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.lab import Lab, open_lab
from benchmarks.chaos.table import table_of
from benchmarks.chaos.tally import Tally
from benchmarks.results_file import write_results

#: Upper bound of the sum of the faults' minutes.
WHOLE_MINUTES = 20.0


def inject(lab: Lab, name: str, seconds: float) -> Tally:
    """Inject one kind of fault; an exception of the harness becomes a remark."""
    tally, began = Tally(name), time.monotonic()
    try:
        FAULTS[name].inject(lab, tally, seconds)
    except Exception as error:  # The other faults are tried all the same.
        tally.remarks.append(f"the harness broke: {type(error).__name__}: {error}")
    finally:
        lab.tidy()
    tally.seconds = time.monotonic() - began
    return tally


def main() -> None:
    """Inject the faults and report their effects; exit with status 1 if one was not survived."""
    asked = parse_arguments(faults=",".join(FAULTS), minutes=WHOLE_MINUTES, seed=0)
    names = asked.faults.split(",")
    for name in names:
        if name not in FAULTS:
            near = get_close_matches(name, FAULTS, n=1)
            sys.exit(f"faults={name}: no such fault; {f'did you mean {near[0]}?' if near else list(FAULTS)}")
    tallies = []
    with open_lab(asked.seed) as lab:
        for name in names:
            tally = inject(lab, name, FAULTS[name].minutes * 60 * asked.minutes / WHOLE_MINUTES)
            print(f"{tally}", flush=True)
            tallies.append(tally)
    if names == list(FAULTS):
        write_results("chaos", "Runs under faults, compared with undisturbed runs", table_of(tallies))
    else:
        print(table_of(tallies))
    if not all(tally.is_clean for tally in tallies):
        sys.exit(1)


if __name__ == "__main__":
    main()
