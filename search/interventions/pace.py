"""How long a session of interventions will take: from what its trials cost, and took until now."""

from time import monotonic

from failmap.search.interventions.agenda import InterventionAgenda


class InterventionPace:
    """Estimates when a session will end.

    Args:
        agenda: of the session, told of all trials of earlier ones.
        deadline: when it ends in any case, on the clock of time.monotonic; None for no limit.
    """

    def __init__(self, agenda: InterventionAgenda, deadline: float | None) -> None:
        self.agenda = agenda
        self.deadline = deadline
        self.started = monotonic()
        self._spent_before = agenda.cost_spent()

    def seconds_left(self) -> float | None:
        """Seconds until every step is done that is not given up, or time is up, whichever comes first."""
        until_deadline = None if self.deadline is None else max(self.deadline - monotonic(), 0.0)
        done = self.agenda.cost_spent() - self._spent_before
        if not done:
            return until_deadline
        until_done = (monotonic() - self.started) * self.agenda.cost_left() / done
        return until_done if until_deadline is None else min(until_done, until_deadline)
