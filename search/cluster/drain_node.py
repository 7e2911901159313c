"""Sends the trials of this machine elsewhere, saved: python -m search.cluster.leave seconds=100.

For the hook that a cluster runs before it takes a machine away: the machine gets no more work, and its trials
get so many seconds. Ray's own end of a node leaves them no time.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil

from failmap.run_folder.errors import UserError, command
from failmap.search.loading.cli_args import parse_arguments

#: What Ray calls the processes of Tune's trials, idle and at work (2.60).
_TRIAL = re.compile(r"ray::(TrialActor|\w*Trainable)\b")
#: What Ray tells its node process on its command line (2.60).
_NODE_ID = re.compile(r"--node_id=([0-9a-f]+)")
_ADDRESS = re.compile(r"--gcs-address=(\S+)")
#: How long the cluster may take to answer that it gives this machine no more work.
_DRAIN_SECONDS = 20.0


def main(words: Sequence[str]) -> int:
    """Runs the program over its words: 0 if all have ended in time, else 1."""
    problems: list[str] = []
    read = parse_arguments(words, problems)
    seconds = read.pop("seconds", None)
    if seconds is None or not isinstance(seconds.value, int | float):
        problems.append("seconds: how long may the trials take?")
    problems += (f"{word}: search.cluster.leave knows seconds= only" for word in read.values())
    if problems or seconds is None:
        raise UserError(*problems)
    for node_id, address in nodes(psutil.process_iter()):
        _drain(node_id, address, int(seconds.value))
    return 0 if leave(psutil.process_iter(), float(seconds.value)) else 1


def nodes(processes: Iterable[psutil.Process]) -> list[tuple[str, str]]:
    """The Ray nodes among the processes: their ids, and the addresses of their clusters."""
    found = []
    for process in processes:
        told = _command_of(process)
        node_id, address = _NODE_ID.search(told), _ADDRESS.search(told)
        if node_id is not None and address is not None and "/raylet " in told:
            found.append((node_id[1], address[1]))
    return found


def _drain(node_id: str, address: str, seconds: int) -> None:
    """Has the cluster give this node nothing more: else it would get the very trials back that have left."""
    words = {
        "--address": address,
        "--node-id": node_id,
        "--reason": "DRAIN_NODE_REASON_PREEMPTION",
        "--reason-message": "search.cluster.leave",
        "--deadline-remaining-seconds": str(seconds),
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node"]
    # Whatever comes of it, the trials are to be saved.
    with suppress(subprocess.TimeoutExpired):
        told = [part for pair in words.items() for part in pair]
        subprocess.run([*command, *told], timeout=_DRAIN_SECONDS, check=False)


def leave(processes: Iterable[psutil.Process], seconds: float) -> bool:
    """Sends SIGTERM to those that are trials', and waits. False where some were still at it at the end."""
    trials = [process for process in processes if _is_trial(process)]
    for process in trials:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(trials, timeout=seconds)
    return not alive


def _is_trial(process: psutil.Process) -> bool:
    return _TRIAL.match(_command_of(process)) is not None


def _command_of(process: psutil.Process) -> str:
    """Empty where it has ended meanwhile, or is nobody's that we may look at."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


if __name__ == "__main__":
    command(main)
