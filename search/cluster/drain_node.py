"""Save the trials on this machine before it is taken away, for a cluster's shutdown hook.

python -m search.cluster.drain_node seconds=100

The machine gets no new work, and its trials get that many seconds to save. When Ray itself ends a node,
trials get no time.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil

from failmap.run_folder.errors import UserError, run_program
from failmap.search.loading.cli_args import parse_arguments

#: Names of Ray's processes for Tune's trials, idle and busy (2.60).
_TRIAL = re.compile(r"ray::(TrialActor|\w*Trainable)\b")
#: Options of Ray's node process (2.60).
_NODE_ID = re.compile(r"--node_id=([0-9a-f]+)")
_ADDRESS = re.compile(r"--gcs-address=(\S+)")
#: Timeout of the request to drain a node.
_DRAIN_SECONDS = 20.0


def main(arguments: Sequence[str]) -> int:
    """Run the program. Returns 0 if all trials have ended in time, else 1."""
    problems: list[str] = []
    settings = parse_arguments(arguments, problems)
    seconds = settings.pop("seconds", None)
    if seconds is None or not isinstance(seconds.value, int | float):
        problems.append("seconds: must be the number of seconds that trials get to save")
    problems += (f"{setting}: unknown; the only argument is seconds=" for setting in settings.values())
    if problems or seconds is None:
        raise UserError(*problems)
    for node_id, address in find_nodes(psutil.process_iter()):
        _drain(node_id, address, int(seconds.value))
    return 0 if stop_trials(psutil.process_iter(), float(seconds.value)) else 1


def find_nodes(processes: Iterable[psutil.Process]) -> list[tuple[str, str]]:
    """Return the id and the cluster address of every Ray node among the processes."""
    found = []
    for process in processes:
        line = _command_line(process)
        node_id, address = _NODE_ID.search(line), _ADDRESS.search(line)
        if node_id is not None and address is not None and "/raylet " in line:
            found.append((node_id[1], address[1]))
    return found


def stop_trials(processes: Iterable[psutil.Process], seconds: float) -> bool:
    """Send SIGTERM to the trials among the processes, and return whether all have ended in time."""
    trials = [process for process in processes if _TRIAL.match(_command_line(process))]
    for process in trials:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(trials, timeout=seconds)
    return not alive


def _drain(node_id: str, address: str, seconds: int) -> None:
    """Ask the cluster to schedule nothing more on this node: it would get back the trials that have left."""
    options = [
        f"--address={address}",
        f"--node-id={node_id}",
        "--reason=DRAIN_NODE_REASON_PREEMPTION",
        "--reason-message=search.cluster.drain_node",
        f"--deadline-remaining-seconds={seconds}",
    ]
    command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node", *options]
    # Trials must be saved even if this fails.
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, timeout=_DRAIN_SECONDS, check=False)


def _command_line(process: psutil.Process) -> str:
    """Return a process's command line, or '' if it has ended or may not be inspected."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
