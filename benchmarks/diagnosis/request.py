"""The command line of the benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.diagnosis.case import HALVES, Half
from failmap.run_folder.errors import UserError, nearest

STAGES = ("score", "train", "record", "calibrate")
SETTINGS = ("half", "folder", "processes", "misses")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Request:
    """Parsed arguments.

    Attributes:
        stage: what to do, one of STAGES.
        halves: halves to train or read; others are not read.
        folder: folder of the trainings; None for the default, or to score the recorded ones.
        num_processes: number of concurrent trainings.
        show_misses: whether to list the misses of the unseen half.
    """

    stage: str = STAGES[0]
    halves: tuple[Half, ...] = HALVES
    folder: Path | None = None
    num_processes: int = 2
    show_misses: bool = False


def parse_request(arguments: Sequence[str]) -> Request:
    """Parse [score|train|record|calibrate] [half=...] [folder=...] [processes=...] [misses=true].

    Raises:
        UserError: with one line for each invalid argument.
    """
    problems: list[str] = []
    stages = [argument for argument in arguments if "=" not in argument]
    problems += [f"{stage}: no such stage{nearest(stage, STAGES)}" for stage in stages if stage not in STAGES]
    if len(stages) > 1:
        problems.append(f"{' '.join(stages)}: give one stage, or none to score")
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
        stage=stages[0] if stages else STAGES[0],
        halves=halves,
        folder=Path(settings["folder"]) if "folder" in settings else None,
        num_processes=int(processes),
        show_misses=_BOOLEANS[misses],
    )
