"""A clock that jumps back and forth by hours, as if set by hand or by a faulty time server."""

import itertools
import threading
import time
from datetime import UTC, datetime

import time_machine

#: Seconds between two jumps.
JUMP_SECONDS = 0.7


def plant_in_clock(hours: float) -> None:
    """Let time and date jump in this process; monotonic clocks are not affected."""
    clock = time_machine.travel(datetime.now(UTC), tick=True).start()

    def jump() -> None:
        for jump_hours in itertools.cycle((hours, -2 * hours, hours)):
            time.sleep(JUMP_SECONDS)
            clock.shift(jump_hours * 3600)

    threading.Thread(target=jump, name="jumping clock", daemon=True).start()
