"""Trains the labelled cases, and scores what tools say of them: python -m benchmarks.diagnosis.

    python -m benchmarks.diagnosis [train|score] [half=tuning|unseen] [folder=runs/diagnosis] [processes=2]
                                   [misses=true]

Without words all cases are trained that are not there yet, and the page of results is written. With a half
only that one is trained or read, and its scores are printed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.diagnosis.case import HALVES, Half
from benchmarks.diagnosis.labelled import Labelled, read_labelled
from benchmarks.diagnosis.page import TITLE, as_body
from benchmarks.diagnosis.request import Request, requested
from benchmarks.results_file import write_results
from failmap.run_folder.errors import UserError, run_program


def main(words: Sequence[str]) -> int:
    """Does what the words ask for. Raises UserError for wrong ones, and where nothing has been trained."""
    request = requested(words)
    if "train" in request.stages:
        _train(request)
    if "score" in request.stages:
        _score(request)
    return 0


def _train(request: Request) -> None:
    # Scoring needs no torch, and a typo none either.
    from benchmarks.diagnosis.cases import all_cases
    from benchmarks.diagnosis.cases.arrays import write_arrays
    from benchmarks.diagnosis.train import train_all

    cases = [case for case in all_cases() if case.half in request.halves]
    write_arrays()
    train_all(cases, request.folder, request.num_processes, print)


def _score(request: Request) -> None:
    trainings = {half: _read(request.folder, half) for half in request.halves}
    body = as_body(trainings, request.show_misses)
    if request.halves == HALVES:
        write_results("diagnosis", TITLE, body)
    else:
        print(body)


def _read(folder: Path, half: Half) -> list[Labelled]:
    trainings = read_labelled(folder, half)
    if not trainings:
        raise UserError(
            f"{folder / half}: no trainings there; "
            f"python -m benchmarks.diagnosis train half={half} folder={folder} makes them"
        )
    return trainings


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
