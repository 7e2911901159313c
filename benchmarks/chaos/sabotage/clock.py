"""A clock that jumps by hours, back and forth, as one does that is set by hand or by a confused server."""

import itertools
import threading
import time
from datetime import UTC, datetime

import time_machine

#: The clock keeps each wrong time for so long.
JUMP_SECONDS = 0.7


def plant_in_clock(hours: float) -> None:
    """Time and date jump for all of this process; clocks that cannot be set (monotonic) go on as they are."""
    clock = time_machine.travel(datetime.now(UTC), tick=True).start()

    def jump() -> None:
        for jump_hours in itertools.cycle((hours, -2 * hours, hours)):
            time.sleep(JUMP_SECONDS)
            clock.shift(jump_hours * 3600)

    threading.Thread(target=jump, name="jumping clock", daemon=True).start()
