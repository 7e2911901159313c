"""What the words of the command line ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.diagnosis.case import HALVES, Half
from benchmarks.diagnosis.labelled import DEFAULT_FOLDER
from failmap.run_folder.errors import UserError, nearest

STAGES = ("train", "score")
SETTINGS = ("half", "folder", "processes", "misses")
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Request:
    """What is to be done.

    Attributes:
        stages: training, scoring, or both.
        halves: which of them; the others are neither trained nor read.
        folder: where the trainings lie.
        num_processes: trainings at a time.
        show_misses: lists the misses of the unseen half too.
    """

    stages: tuple[str, ...] = STAGES
    halves: tuple[Half, ...] = HALVES
    folder: Path = DEFAULT_FOLDER
    num_processes: int = 2
    show_misses: bool = False


def requested(words: Sequence[str]) -> Request:
    """Reads [train|score] [half=...] [folder=...] [processes=...] [misses=true].

    Raises:
        UserError: for words that say none of this, all of them at once.
    """
    problems: list[str] = []
    stages = [word for word in words if "=" not in word]
    problems += [f"{word}: no such stage{nearest(word, STAGES)}" for word in stages if word not in STAGES]
    if len(stages) > 1:
        problems.append(f"{' '.join(stages)}: name one stage, or none for both")
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    unknown = [name for name in settings if name not in SETTINGS]
    problems += [f"{name}=: no such setting{nearest(name, SETTINGS)}" for name in unknown]
    half = settings.get("half")
    halves: tuple[Half, ...] = tuple(known for known in HALVES if half in (None, known))
    if not halves:
        problems.append(f"half={half}: no such half{nearest(str(half), HALVES)}")
    processes = settings.get("processes", "2")
    if not (processes.isdecimal() and int(processes)):
        problems.append(f"processes={processes}: how many trainings at a time, 1 or more")
    misses = settings.get("misses", "false")
    if misses not in _TRUTHS:
        problems.append(f"misses={misses}: true or false")
    if problems:
        raise UserError(*problems)
    return Request(
        stages=tuple(stages) or STAGES,
        halves=halves,
        folder=Path(settings.get("folder", DEFAULT_FOLDER)),
        num_processes=int(processes),
        show_misses=_TRUTHS[misses],
    )
