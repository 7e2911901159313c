"""The command line of the benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.diagnosis.case import HALVES, Half
from benchmarks.diagnosis.labelled import DEFAULT_FOLDER
from failmap.run_folder.errors import UserError, nearest

STAGES = ("train", "score")
SETTINGS = ("half", "folder", "processes", "misses")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Request:
    """Parsed arguments.

    Attributes:
        stages: 'train', 'score', or both.
        halves: halves to train or score; others are not read.
        folder: folder of the trainings.
        num_processes: number of concurrent trainings.
        show_misses: whether to list the misses of the unseen half.
    """

    stages: tuple[str, ...] = STAGES
    halves: tuple[Half, ...] = HALVES
    folder: Path = DEFAULT_FOLDER
    num_processes: int = 2
    show_misses: bool = False


def parse_request(arguments: Sequence[str]) -> Request:
    """Parse [train|score] [half=...] [folder=...] [processes=...] [misses=true].

    Raises:
        UserError: with one line for each invalid argument.
    """
    problems: list[str] = []
    stages = [argument for argument in arguments if "=" not in argument]
    problems += [f"{stage}: no such stage{nearest(stage, STAGES)}" for stage in stages if stage not in STAGES]
    if len(stages) > 1:
        problems.append(f"{' '.join(stages)}: give one stage, or none for both")
    settings = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    unknown = [name for name in settings if name not in SETTINGS]
    problems += [f"{name}=: no such setting{nearest(name, SETTINGS)}" for name in unknown]
    half = settings.get("half")
    halves: tuple[Half, ...] = tuple(known for known in HALVES if half in (None, known))
    if not halves:
        problems.append(f"half={half}: no such half{nearest(str(half), HALVES)}")
    processes = settings.get("processes", "2")
    if not (processes.isdecimal() and int(processes)):
        problems.append(f"processes={processes}: must be an integer of at least 1")
    misses = settings.get("misses", "false")
    if misses not in _BOOLEANS:
        problems.append(f"misses={misses}: must be true or false")
    if problems:
        raise UserError(*problems)
    return Request(
        stages=tuple(stages) or STAGES,
        halves=halves,
        folder=Path(settings.get("folder", DEFAULT_FOLDER)),
        num_processes=int(processes),
        show_misses=_BOOLEANS[misses],
    )
