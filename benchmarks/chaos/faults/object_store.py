"""An S3 server that hangs up, answers 503, or is slow, for a while each."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from s3fs import S3FileSystem

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line
from benchmarks.chaos.proxy import HANG_UP, PASS, SLOW, UNAVAILABLE, Proxy
from benchmarks.chaos.s3_server import s3_server
from benchmarks.chaos.tally import Tally
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import parse_location, store_of
from failmap.run_folder.storage.object_logs import lines_of, read_segments

BUCKET = "chaos"
#: At most longer than the start of a driver, so that bursts fall into the search too.
BURST_SECONDS = (0.2, 4.0)
PAUSE_SECONDS = (2.0, 5.0)
NUM_RESUMES = 5

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "chaos",
    "AWS_SECRET_ACCESS_KEY": "chaos",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def disturb_store(lab: Lab, tally: Tally) -> None:
    """Run with all requests going through a proxy that fails at times."""
    with s3_server() as port, Proxy(port) as proxy:
        # This process bypasses the proxy.
        os.environ |= _credentials(port)
        files = S3FileSystem(endpoint_url=f"http://127.0.0.1:{port}", use_listings_cache=False)
        files.mkdir(BUCKET)
        planted = _credentials(proxy.port)
        while tally.goes_on:
            folder = RunFolder(parse_location(f"s3://{BUCKET}/runs/{lab.new_run('store').name}"))
            driver = lab.start(folder, environment=planted)
            for _ in range(NUM_RESUMES):
                while driver.is_alive and tally.goes_on:
                    driver.wait(lab.rng.uniform(*PAUSE_SECONDS))
                    proxy.mode = lab.rng.choice((HANG_UP, UNAVAILABLE, SLOW))
                    tally.tried += 1
                    driver.wait(lab.rng.uniform(*BURST_SECONDS))
                    proxy.mode = PASS
                status = driver.wait(DRIVER_SECONDS)
                lab.check_exit(tally, folder, driver, status)
                if status == 0:
                    break
                driver.sweep()
                driver = lab.start(folder, environment=planted)
            else:
                tally.remarks.append(f"{folder.name}: does not end: {last_line(driver.output_text)}")
                return
            tally.compare(_downloaded(files, folder, lab), lab.undisturbed)


def _downloaded(files: S3FileSystem, folder: RunFolder, lab: Lab) -> RunFolder:
    """Copy the run to the disk, with its journal as one file."""
    copy = RunFolder(lab.scratch / f"{folder.name}-copy")
    files.get(f"{str(folder.path).removeprefix('s3://')}/", f"{copy.path}/", recursive=True)
    segments = read_segments(store_of(copy.path), copy.journal)
    shutil.rmtree(str(copy.journal))
    Path(str(copy.journal)).write_bytes(b"".join(lines_of(segments)))
    return copy


def _credentials(port: int) -> Mapping[str, str]:
    return {**_CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
