"""Ray that cannot start: nobody listens at its address, or another program does."""

import socket

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line
from benchmarks.chaos.tally import Tally, records_of


def refuse(lab: Lab, tally: Tally, seconds: float) -> None:
    """A run that cannot begin says so in one line; the same run then goes its way on a local Ray."""
    folder = lab.new_run("no-ray")
    with socket.create_server(("127.0.0.1", 0)) as deaf, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        for address in (f"127.0.0.1:{port}", f"127.0.0.1:{deaf.getsockname()[1]}"):
            driver = lab.start(folder, f"cluster.address={address}", "cluster.authentication=none")
            status = driver.wait(DRIVER_SECONDS)
            tally.tried += 1
            lab.judge(tally, folder, driver, status)
            if status != 2:
                tally.remarks.append(f"no Ray at {address}: status {status}: {last_line(driver.said)}")
    tally.repeated += len(records_of(folder))
    local = ("cluster.address=local",) if folder.config.exists() else ()
    if lab.bring_to_its_end(tally, folder, lab.start(folder, *local), *local):
        tally.compare(folder, lab.undisturbed)
