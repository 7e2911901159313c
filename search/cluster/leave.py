"""Asks the trials of this machine to save themselves, and waits: python -m search.cluster.leave seconds=100.

For the hook that a cluster runs before it takes a machine away. Ray's own end of a node leaves them no time.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil

from analysis.errors import UserError, command
from search.loading.words import read_words

#: What Ray calls the processes of Tune's trials, idle and at work (2.60).
_TRIAL = re.compile(r"ray::(TrialActor|\w*Trainable)\b")


def main(words: Sequence[str]) -> int:
    """Runs the program over its words: 0 if all have ended in time, else 1."""
    problems: list[str] = []
    read = read_words(words, problems)
    seconds = read.pop("seconds", None)
    if seconds is None or not isinstance(seconds.value, int | float):
        problems.append("seconds: how long may the trials take?")
    problems += (f"{word}: search.cluster.leave knows seconds= only" for word in read.values())
    if problems or seconds is None:
        raise UserError(*problems)
    return 0 if leave(psutil.process_iter(), float(seconds.value)) else 1


def leave(processes: Iterable[psutil.Process], seconds: float) -> bool:
    """Sends SIGTERM to those that are trials', and waits. False where some were still at it at the end."""
    trials = [process for process in processes if _is_trial(process)]
    for process in trials:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(trials, timeout=seconds)
    return not alive


def _is_trial(process: psutil.Process) -> bool:
    try:
        return _TRIAL.match(" ".join(process.cmdline())) is not None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


if __name__ == "__main__":
    command(main)
