"""One driver at a time: refused, followed after its death, superseded, and cut off from the storage."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath
from failmap.search.lease import Lease, acquire_lease, driver_of
from failmap.search.lease_terms import LeaseTiming, Owner, SupersededError, Terms

#: Heartbeats that a test can wait for; PATIENT is for tests in which a live driver must be noticed on a busy
#: machine.
QUICK = LeaseTiming(beat_seconds=0.05, watch_seconds=1.0)
PATIENT = LeaseTiming(beat_seconds=0.05, watch_seconds=60.0)

#: Holds a run and writes lines, each after a check, as the study does.
DRIVER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.lease import Owner, LeaseTiming, acquire_lease
folder, place, timing = RunFolder(Path(sys.argv[1])), sys.argv[2], LeaseTiming(0.05, float(sys.argv[3]))
owner = Owner.this_process()
lease = acquire_lease(folder, print, owner=replace(owner, place=place or owner.place), timing=timing)
print("driving", flush=True)
try:
    while True:
        lease.check()
        with (folder.path / "journal.log").open("a") as file:
            file.write("a decision\\n")
        time.sleep(0.01)
except UserError as error:
    print(error, flush=True)
"""

Driver = subprocess.Popen[str]
StartDriver = Callable[..., Driver]


@pytest.fixture
def start_driver(folder: RunFolder) -> Iterator[StartDriver]:
    processes: list[Driver] = []

    def start(place: str = "", timing: LeaseTiming = PATIENT) -> Driver:
        folder.path.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", DRIVER, str(folder.path), place, str(timing.watch_seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "driving\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def leases() -> Iterator[list[Lease]]:
    """Yield a list of leases to be released after the test."""
    taken: list[Lease] = []
    yield taken
    for lease in taken:
        lease.release()


def owner_elsewhere(place: str = "another boot of another machine") -> Owner:
    return replace(Owner.this_process(), host="elsewhere", place=place)


def leave_term(folder: RunFolder, owner: Owner | None, content: bytes | None = None) -> None:
    """Write the term of a driver that died: it was never released."""
    if content is None:
        assert owner is not None
        assert Terms(folder).create(1, owner, "its token")
    else:
        folder.lock.mkdir(parents=True)
        Terms(folder).path(1).write_bytes(content)


def test_second_driver_is_refused(folder: RunFolder, start_driver: StartDriver) -> None:
    driver, lines = start_driver(), list[str]()
    with pytest.raises(UserError, match=f"process {driver.pid} on host {socket.gethostname()}"):
        acquire_lease(folder, lines.append)
    assert not lines, "a driver on this host is looked up, not waited for"


def test_killed_driver_is_followed_at_once(
    folder: RunFolder, start_driver: StartDriver, leases: list[Lease]
) -> None:
    driver, lines = start_driver(), list[str]()
    driver.kill()
    # A zombie: its exit status has not been collected.
    assert os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)
    leases.append(acquire_lease(folder, lines.append))
    assert lines == [
        f"took over the run from a driver that died (process {driver.pid} on host {socket.gethostname()})"
    ]
    with pytest.raises(UserError, match="is driven by"):
        acquire_lease(folder, lines.append)


def test_reused_process_id(folder: RunFolder, leases: list[Lease]) -> None:
    owner = Owner.this_process()
    leave_term(folder, replace(owner, started=owner.started - 1))
    lines: list[str] = []
    leases.append(acquire_lease(folder, lines.append))
    assert len(lines) == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux counts ticks since its start")
def test_owner_is_independent_of_the_clock() -> None:
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    owner = Owner.this_process()
    assert owner.started == ticks
    assert owner.place.startswith(boot)


def test_live_driver_elsewhere(folder: RunFolder, start_driver: StartDriver) -> None:
    driver, lines = start_driver("another container"), list[str]()
    with pytest.raises(UserError, match=f"process {driver.pid} on host"):
        acquire_lease(folder, lines.append, timing=PATIENT)
    assert ["waiting up to 60 s" in line for line in lines] == [True]
    driver.kill()


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"host": 1}', b'{"torn'])
def test_silent_driver_elsewhere_is_followed(
    folder: RunFolder, leases: list[Lease], content: bytes | None
) -> None:
    leave_term(folder, owner_elsewhere(), content)
    lines: list[str] = []
    leases.append(acquire_lease(folder, lines.append, timing=replace(QUICK, watch_seconds=0.1)))
    assert [line.partition(" ")[0] for line in lines] == ["waiting", "took"]
    assert driver_of(folder) == Owner.this_process()


def test_superseded_driver_wakes_and_writes_nothing(
    folder: RunFolder, start_driver: StartDriver, leases: list[Lease]
) -> None:
    driver = start_driver("another container", QUICK)
    os.kill(driver.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, driver.pid, os.WSTOPPED | os.WNOWAIT)
    leases.append(acquire_lease(folder, print, timing=QUICK))
    journal = folder.path / "journal.log"
    before = journal.read_bytes() if journal.exists() else b""
    os.kill(driver.pid, signal.SIGCONT)
    output, _ = driver.communicate(timeout=60)
    assert output == (
        f"run tiny was taken over by process {os.getpid()} on host {socket.gethostname()}: "
        "nothing more is written here\n"
    )
    # One line may have been on its way, between a check and its write.
    written = journal.read_bytes().removeprefix(before) if journal.exists() else b""
    assert written in (b"", b"a decision\n")
    leases[0].check()


def take_all_at_once(storage: AnyPath, num_rivals: int, timing: LeaseTiming) -> list[Lease | str]:
    def take(number: int) -> Lease | str:
        try:
            rival = owner_elsewhere(f"machine {number}")
            return acquire_lease(RunFolder(storage / "tiny"), lambda line: None, owner=rival, timing=timing)
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(num_rivals) as rivals:
        return list(rivals.map(take, range(num_rivals)))


@pytest.mark.parametrize("is_new", [True, False], ids=["a new run", "a dead driver's run"])
@pytest.mark.parametrize("place", ["disk", "s3"])
def test_one_of_many_rivals_gets_the_run(
    place: str, is_new: bool, tmp_path: Path, leases: list[Lease], request: pytest.FixtureRequest
) -> None:
    storage: AnyPath = tmp_path if place == "disk" else request.getfixturevalue("s3_storage")
    if not is_new:
        leave_term(RunFolder(storage / "tiny"), owner_elsewhere())
    # Whoever follows a dead driver has waited for all of `watch_seconds`.
    taken = take_all_at_once(storage, 6, PATIENT if is_new else replace(QUICK, watch_seconds=3.0))
    leases += [lease for lease in taken if isinstance(lease, Lease)]
    assert len(leases) == 1
    assert all("is driven by process" in line for line in taken if isinstance(line, str))
    leases[0].check()


def test_released_run_is_taken_silently(folder: RunFolder) -> None:
    assert driver_of(folder) is None
    for _ in range(5):
        lease = acquire_lease(folder, pytest.fail)
        assert driver_of(folder) == Owner.this_process()
        lease.release()
        assert driver_of(folder) is None


def test_superseded_driver_releases_nothing(folder: RunFolder) -> None:
    mine = acquire_lease(folder, print)
    assert Terms(folder).create(2, owner_elsewhere(), "another token")
    mine.release()
    assert driver_of(folder) == owner_elsewhere()


def test_removed_lock_files_end_the_lease(folder: RunFolder, leases: list[Lease]) -> None:
    mine = acquire_lease(folder, print, timing=QUICK)
    shutil.rmtree(folder.lock)
    leases.append(acquire_lease(folder, print))
    with pytest.raises(SupersededError):
        check_until(mine, lambda: False)
    leases[0].check()


def check_until(lease: Lease, is_enough: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_enough() and time.monotonic() < deadline:
        lease.check()
        time.sleep(0.01)


def test_lease_survives_a_short_outage_of_the_storage(folder: RunFolder, leases: list[Lease]) -> None:
    lease = acquire_lease(folder, print, timing=LeaseTiming(beat_seconds=0.02, watch_seconds=3600))
    leases.append(lease)
    away = folder.path.with_name("away")
    folder.path.rename(away)
    folder.path.write_text("a file where the folder was: every access fails")
    since = time.monotonic()
    check_until(lease, lambda: time.monotonic() > since + 0.2)
    folder.path.unlink()
    away.rename(folder.path)
    term = Terms(folder).path(1)
    beat = json.loads(term.read_text())["beat"]
    check_until(lease, lambda: json.loads(term.read_text())["beat"] > beat)
    assert lease.is_held


def test_long_outage_of_the_storage_ends_the_writing(folder: RunFolder) -> None:
    lease = acquire_lease(folder, print, timing=LeaseTiming(beat_seconds=0.02, watch_seconds=0.1))
    folder.path.rename(folder.path.with_name("away"))
    folder.path.write_text("a file where the folder was: every access fails")
    with pytest.raises(OSError, match="Not a directory"):
        check_until(lease, lambda: False)
    lease.release()
