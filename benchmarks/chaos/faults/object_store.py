"""An S3 server that hangs up, answers 503, or is slow, for a while each."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from s3fs import S3FileSystem

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line, time_left
from benchmarks.chaos.proxy import HANG_UP, PASS, SLOW, UNAVAILABLE, Proxy
from benchmarks.chaos.tally import Tally
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import parse_location, store_of
from failmap.run_folder.storage.object_logs import lines_of, read_segments

BUCKET = "chaos"
#: Longer than a start of a driver takes, so that bursts fall into the search too.
BURST_SECONDS = (0.2, 4.0)
PAUSE_SECONDS = (2.0, 5.0)
START_SECONDS = 30.0
NUM_RESUMES = 5

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "chaos",
    "AWS_SECRET_ACCESS_KEY": "chaos",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def disturb_store(lab: Lab, tally: Tally, seconds: float) -> None:
    """One run whose every request goes through a proxy that disturbs it."""
    deadline = time.monotonic() + seconds
    with _server(lab.scratch) as port, Proxy(port) as proxy:
        # This process reads past the proxy.
        os.environ |= _credentials(port)
        files = S3FileSystem(endpoint_url=f"http://127.0.0.1:{port}", use_listings_cache=False)
        files.mkdir(BUCKET)
        planted = _credentials(proxy.port)
        while time_left(deadline) or not tally.tried:
            folder = RunFolder(parse_location(f"s3://{BUCKET}/runs/{lab.new_run('store').name}"))
            driver = lab.start(folder, environment=planted)
            for _ in range(NUM_RESUMES):
                while driver.is_alive and (time_left(deadline) or not tally.tried):
                    driver.wait(lab.moments.uniform(*PAUSE_SECONDS))
                    proxy.mode = lab.moments.choice((HANG_UP, UNAVAILABLE, SLOW))
                    tally.tried += 1
                    driver.wait(lab.moments.uniform(*BURST_SECONDS))
                    proxy.mode = PASS
                status = driver.wait(DRIVER_SECONDS)
                lab.judge(tally, folder, driver, status)
                if status == 0:
                    break
                driver.sweep()
                driver = lab.start(folder, environment=planted)
            else:
                tally.remarks.append(f"{folder.name}: never over: {last_line(driver.said)}")
                return
            tally.compare(_brought(files, folder, lab), lab.undisturbed)


def _brought(files: S3FileSystem, folder: RunFolder, lab: Lab) -> RunFolder:
    """A copy of the run on the disk, its journal as one file."""
    copy = RunFolder(lab.scratch / f"{folder.name}-copy")
    files.get(f"{str(folder.path).removeprefix('s3://')}/", f"{copy.path}/", recursive=True)
    segments = read_segments(store_of(copy.path), copy.journal)
    shutil.rmtree(str(copy.journal))
    Path(str(copy.journal)).write_bytes(b"".join(lines_of(segments)))
    return copy


def _credentials(port: int) -> Mapping[str, str]:
    return {**_CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


@contextmanager
def _server(scratch: Path) -> Iterator[int]:
    """A moto server in a process of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with (scratch / "moto.txt").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(port)
        yield port
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time_left(deadline), "the S3 server does not start"
            time.sleep(0.1)
        else:
            return
