"""The provenance of a run: code, versions, hardware and files of each session, in provenance.json."""

import getpass
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any

from failmap.run_folder.errors import redact
from failmap.run_folder.own_copies import OwnCodeNote
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.provenance import parse_provenance
from failmap.run_folder.storage import AnyPath, store_of, write_atomically
from failmap.search.input_checks import FileState

MAX_DIFF_BYTES = 1_000_000
MAX_UNTRACKED = 1000
CODE_ROOT = Path(__file__).parents[2]
#: The code's description on the machine that shipped it to a cluster.
SHIPPED_CODE = "shipped_code.json"


def begin_session(
    folder: RunFolder,
    command: Sequence[str],
    code_root: Path = CODE_ROOT,
    *,
    files: Mapping[str, FileState] | None = None,
    own_code: Sequence[OwnCodeNote] = (),
    seconds_ago: float = 0.0,
    threads: int | None = None,
) -> list[str]:
    """Append a session to provenance.json.

    Args:
        folder: The run's folder.
        command: The program and its arguments; secrets in them are not written.
        code_root: The folder of the git repository.
        files: The user's files that trials read, by path.
        own_code: The user's own networks, tasks and functions that trials run.
        seconds_ago: Seconds since the program started, from which `budget.minutes` counts.
        threads: The number of torch threads of each trial; None for a session that trains nothing.

    Returns:
        A line for each difference in code, versions, files or threads from the previous session.
    """
    stored, warnings = _read(folder.provenance)
    code = describe_code(code_root)
    digest = blake2b(json.dumps(code).encode(), digest_size=8).hexdigest()
    session: dict[str, Any] = {
        "user": _user(),
        "command": [redact(argument) for argument in command],
        "code": digest,
        "versions": versions(),
        "hardware": hardware(),
        "files": dict(files or {}),
        "own_code": [asdict(note) for note in own_code],
        "threads": threads,
        "started": _time(seconds_ago),
        "ended": None,
        "ended_by": None,
    }
    if stored["sessions"]:
        before = stored["sessions"][-1]
        warnings += _code_warnings(stored["codes"].get(before.get("code", ""), {}), code)
        warnings += _version_warnings(before.get("versions", {}), session["versions"])
        warnings += _file_warnings(before.get("files", {}), session["files"])
        warnings += _thread_warnings(stored["sessions"], threads)
    stored["codes"][digest] = code
    stored["sessions"].append(session)
    write_atomically(folder.provenance, json.dumps(stored, indent=1))
    return warnings


def end_session(folder: RunFolder, ended_by: str = "finished") -> None:
    """Store the end of the last session and its reason. A session that was killed has none."""
    stored, _ = _read(folder.provenance)
    if stored["sessions"]:
        stored["sessions"][-1] |= {"ended": _time(), "ended_by": ended_by}
        write_atomically(folder.provenance, json.dumps(stored, indent=1))


def describe_code(root: Path) -> dict[str, Any]:
    """Return the git revision, the uncommitted diff (cut if it is long), and the names of untracked files.

    All are None or empty if the code is in no git checkout of its own, or git is missing. Code that was
    shipped to a cluster carries its own description.
    """
    if (shipped := root / "failmap" / SHIPPED_CODE).is_file():
        description: dict[str, Any] = json.loads(shipped.read_text(encoding="utf-8"))
        return description
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top.decode().strip()).resolve() != root.resolve():
        return {"revision": None, "diff": "", "diff_is_cut": False, "untracked": []}
    revision = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    diff = _git(root, "diff", "--no-color", "--no-ext-diff", "HEAD") or b""
    untracked = _git(root, "ls-files", "--others", "--exclude-standard") or b""
    return {
        "revision": revision.decode().strip() if revision else None,
        "diff": diff[:MAX_DIFF_BYTES].decode("utf-8", "replace"),
        "diff_is_cut": len(diff) > MAX_DIFF_BYTES,
        "untracked": untracked.decode("utf-8", "replace").splitlines()[:MAX_UNTRACKED],
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that affect results, without importing them."""
    found = {"python": platform.python_version()}
    for package in ("torch", "ray", "optuna", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def hardware() -> dict[str, Any]:
    """Return host, cores, memory in bytes, the CPU's model and the GPUs' names."""
    import psutil

    return {
        "host": platform.node(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "cpu": _cpu_model(),
        "gpus": _gpu_names(),
    }


def _code_warnings(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    if before == now:
        return []
    old, new = ((revision or "unknown")[:10] for revision in (before.get("revision"), now["revision"]))
    changes = f"revision {old}, now {new}" if old != new else f"other uncommitted changes on {new}"
    return [f"the code has changed since the last session: {changes}"]


def _version_warnings(before: dict[str, str], now: dict[str, str]) -> list[str]:
    changed = [
        f"{name} {before.get(name, 'unknown')} -> {version}"
        for name, version in now.items()
        if before.get(name) != version
    ]
    return [f"versions have changed since the last session: {', '.join(changed)}"] if changed else []


def _file_warnings(before: Mapping[str, FileState], now: Mapping[str, FileState]) -> list[str]:
    """Return a line for each file that has changed; new files are not reported."""
    return [
        f"{path} has changed since the last session ({before[path]['bytes']:,} bytes, now "
        f"{state['bytes']:,}): earlier trials {'ran other code' if 'revision' in state else 'saw other data'}"
        for path, state in now.items()
        # A commit that leaves the file as it was is no change of it.
        if path in before and before[path]["blake2b"] != state["blake2b"]
    ]


def _thread_warnings(before: Sequence[Mapping[str, Any]], now: int | None) -> list[str]:
    """Return a line if the trials of the last session that trained any had another number of threads."""
    last = next((session["threads"] for session in reversed(before) if session.get("threads")), now)
    if now is None or last == now:
        return []
    return [
        f"threads of a trial have changed since the last session: {last} -> {now} (cluster.cpus_per_trial): "
        "the last bits of small networks' histories may depend on it"
    ]


def _read(path: AnyPath) -> tuple[dict[str, Any], list[str]]:
    """Return the stored sessions, and a warning if the file was corrupt and was moved: a run must go on."""
    store = store_of(path)
    try:
        content = store.read(path)
    except FileNotFoundError:
        return {"codes": {}, "sessions": []}, []
    try:
        parse_provenance(content)
        stored = json.loads(content)
        return {"codes": stored.get("codes", {}), "sessions": stored["sessions"]}, []
    except ValueError:
        aside = path.with_name(f"{path.name}.unreadable")
        store.write(aside, content)
        store.remove(path)
        return {"codes": {}, "sessions": []}, [f"{path} could not be read and is now {aside.name}"]


def _git(root: Path, *arguments: str) -> bytes | None:
    """Return git's output, at most one byte more than the longest diff, or None if it fails or is missing."""
    try:
        with subprocess.Popen(
            ["git", "-C", str(root), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        ) as process:
            assert process.stdout is not None
            output = process.stdout.read(MAX_DIFF_BYTES + 1)
            if len(output) > MAX_DIFF_BYTES:
                process.kill()
                return output
    except OSError:
        return None
    return output if process.returncode == 0 else None


def _cpu_model() -> str:
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _gpu_names() -> list[str]:
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.splitlines()


def _user() -> str:
    """Return the name of the user, or the number where the system has no name for it, as in containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _time(seconds_ago: float = 0.0) -> str:
    time = datetime.now().astimezone() - timedelta(seconds=seconds_ago)
    return time.isoformat(timespec="seconds")
