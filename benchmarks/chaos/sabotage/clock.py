"""A clock that jumps by hours, back and forth, as one does that is set by hand or by a confused server."""

import datetime as module
import time

#: The clock keeps each wrong time for so long.
JUMP_SECONDS = 0.7


def plant_in_clock(hours: float) -> None:
    """Patches time.time and datetime.now; clocks that cannot be set (monotonic) go on as they are."""
    real_time, real_datetime = time.time, module.datetime
    errors = (0.0, hours * 3600.0, -hours * 3600.0)

    def error() -> float:
        return errors[int(time.monotonic() / JUMP_SECONDS) % len(errors)]

    def jumping_time() -> float:
        return real_time() + error()

    class JumpingDatetime(real_datetime):  # type: ignore[valid-type, misc]
        """Like datetime, by the clock that jumps."""

        @classmethod
        def now(cls, tz: module.tzinfo | None = None) -> module.datetime:
            """Now, wrong by hours."""
            return real_datetime.fromtimestamp(jumping_time(), tz)

    time.time = jumping_time
    module.datetime = JumpingDatetime  # type: ignore[misc]
