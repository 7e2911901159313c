"""Train the labelled cases and score the verdicts of Failmap and of published tools.

    python -m benchmarks.diagnosis [train|score] [half=tuning|unseen|third] [folder=runs/diagnosis]
                                   [processes=2] [misses=true]

Without arguments, missing cases are trained and the results file is written. With a half, only that half is
trained or read, and its scores are printed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.diagnosis.case import HALVES, Half
from benchmarks.diagnosis.labelled import Labelled, read_labelled
from benchmarks.diagnosis.page import TITLE, as_body
from benchmarks.diagnosis.request import Request, parse_request
from benchmarks.results_file import write_results
from failmap.run_folder.errors import UserError, run_program


def main(arguments: Sequence[str]) -> int:
    """Train and score. Raises UserError for invalid arguments, or if there are no trainings to score."""
    request = parse_request(arguments)
    if "train" in request.stages:
        _train(request)
    if "score" in request.stages:
        _score(request)
    return 0


def _train(request: Request) -> None:
    # Imported here, because scoring and reporting a typo need no torch.
    from benchmarks.diagnosis.cases import all_cases
    from benchmarks.diagnosis.cases.arrays import write_arrays
    from benchmarks.diagnosis.cases.third_files import write_files
    from benchmarks.diagnosis.train import train_all

    cases = [case for case in all_cases() if case.half in request.halves]
    write_arrays()
    write_files()
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
            f"{folder / half}: no trainings; make them with "
            f"python -m benchmarks.diagnosis train half={half} folder={folder}"
        )
    return trainings


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
