"""Every fault, tried on real processes: python -m benchmarks.chaos [faults=a,b] [minutes=20] [seed=0].

A part of them is printed; all of them are written to benchmarks/results.
"""

import sys
import time
from difflib import get_close_matches

from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.lab import Lab, open_lab
from benchmarks.chaos.table import table_of
from benchmarks.chaos.tally import Tally
from benchmarks.results_file import write_results

#: What the faults' own minutes add up to at most.
WHOLE_MINUTES = 20.0


def meet(lab: Lab, name: str, seconds: float) -> Tally:
    """Injects one kind of fault; whatever the harness meets that it did not expect is remarked."""
    tally, began = Tally(name), time.monotonic()
    try:
        FAULTS[name].inject(lab, tally, seconds)
    except Exception as error:  # the other faults are to be tried all the same
        tally.remarks.append(f"the harness broke: {type(error).__name__}: {error}")
    finally:
        lab.tidy()
    tally.seconds = time.monotonic() - began
    return tally


def main() -> None:
    """Tries the faults, prints the table, writes it; ends with 1 if one was not survived."""
    settings = dict(word.split("=", 1) for word in sys.argv[1:])
    minutes = float(settings.get("minutes", WHOLE_MINUTES))
    names = settings["faults"].split(",") if "faults" in settings else list(FAULTS)
    for name in names:
        if name not in FAULTS:
            near = get_close_matches(name, FAULTS, n=1)
            sys.exit(f"faults={name}: no such fault; {f'did you mean {near[0]}?' if near else list(FAULTS)}")
    tallies = []
    with open_lab(int(settings.get("seed", 0))) as lab:
        for name in names:
            tally = meet(lab, name, FAULTS[name].minutes * 60 * minutes / WHOLE_MINUTES)
            print(f"{tally}", flush=True)
            tallies.append(tally)
    if names == list(FAULTS):
        write_results("chaos", "Runs under faults, against the same runs undisturbed", table_of(tallies))
    else:
        print(table_of(tallies))
    if not all(tally.is_clean for tally in tallies):
        sys.exit(1)


if __name__ == "__main__":
    main()
