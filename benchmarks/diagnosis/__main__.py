"""Score the verdicts of Failmap and of published tools on labelled trainings.

python -m benchmarks.diagnosis [score]      score the recorded trainings, and write the results file
                               train        train the cases that are missing in folder=
                               record       record the trainings of folder= in this package
                               calibrate    print the confidence of each rule from tuning and unseen

half=tuning|unseen|third|fourth  only these trainings; prints their scores  processes=2
folder=runs/diagnosis            score the trainings of this folder instead  misses=true

"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.diagnosis.calibration import calibration_set, count_by_rule
from benchmarks.diagnosis.case import HALVES, Half
from benchmarks.diagnosis.labelled import DEFAULT_FOLDER, Labelled, read_labelled
from benchmarks.diagnosis.page import TITLE, as_body
from benchmarks.diagnosis.recorded import read_recorded, recorded_file, write_recorded
from benchmarks.diagnosis.request import Request, parse_request
from benchmarks.results_file import table, write_results
from failmap.analysis.diagnosis.rules import RULES
from failmap.run_folder.errors import UserError, run_program


def main(arguments: Sequence[str]) -> int:
    """Carry out one stage. Raises UserError for invalid arguments, or if there are no trainings."""
    request = parse_request(arguments)
    match request.stage:
        case "train":
            _train(request)
        case "record":
            for half in request.halves:
                write_recorded(_read_folder(request.folder or DEFAULT_FOLDER, half), recorded_file(half))
        case "calibrate":
            _calibrate()
        case _:
            _score(request)
    return 0


def _train(request: Request) -> None:
    # Imported here, because scoring and reporting a typo need no torch.
    from benchmarks.diagnosis.cases import all_cases
    from benchmarks.diagnosis.cases.arrays import write_arrays
    from benchmarks.diagnosis.cases.fourth_files import FOURTH_FILES
    from benchmarks.diagnosis.cases.third_files import THIRD_FILES
    from benchmarks.diagnosis.train import train_all

    cases = [case for case in all_cases() if case.half in request.halves]
    write_arrays()
    THIRD_FILES.write()
    FOURTH_FILES.write()
    train_all(cases, request.folder or DEFAULT_FOLDER, request.num_processes, print)


def _calibrate() -> None:
    """Print the confidence of each rule beside the one that it states."""
    counts = count_by_rule(calibration_set())
    rows = [
        (rule.name, str(count.right), str(count.all), f"{count.confidence:.2f}", f"{rule.confidence:.2f}")
        for rule in RULES
        for count in (counts[rule.name],)
    ]
    print(table(("rule", "right", "verdicts", "confidence", "stated"), rows))


def _score(request: Request) -> None:
    trainings = {
        half: _read_folder(request.folder, half) if request.folder else read_recorded(half)
        for half in request.halves
    }
    body = as_body(trainings, request.show_misses)
    if request.halves == HALVES:
        write_results("diagnosis", TITLE, body)
    else:
        print(body)


def _read_folder(folder: Path, half: Half) -> list[Labelled]:
    trainings = read_labelled(folder, half)
    if not trainings:
        raise UserError(
            f"{folder / half}: no trainings; make them with "
            f"python -m benchmarks.diagnosis train half={half} folder={folder}"
        )
    return trainings


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
