"""Ray that cannot start: its address is unreachable, or belongs to another program."""

import socket

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line
from benchmarks.chaos.tally import Tally, records_of


def refuse(lab: Lab, tally: Tally) -> None:
    """Start a run that cannot reach Ray, which is reported in one line; then run it on a local Ray."""
    folder = lab.new_run("no-ray")
    with socket.create_server(("127.0.0.1", 0)) as deaf, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        for address in (f"127.0.0.1:{port}", f"127.0.0.1:{deaf.getsockname()[1]}"):
            driver = lab.start(folder, f"cluster.address={address}", "cluster.authentication=none")
            status = driver.wait(DRIVER_SECONDS)
            tally.tried += 1
            lab.check_exit(tally, folder, driver, status)
            if status != 2:
                tally.remarks.append(f"no Ray at {address}: status {status}: {last_line(driver.output_text)}")
    tally.repeated += len(records_of(folder))
    local = ("cluster.address=local",) if folder.config.exists() else ()
    if lab.finish(tally, folder, lab.start(folder, *local), *local):
        tally.compare(folder, lab.undisturbed)
