"""The run's lock: the driver that holds it is the only process that writes the journal."""

from failmap.search.lock.lease import Lease, take_lease
from failmap.search.lock.owner import Owner
from failmap.search.lock.pace import PACE, Pace
from failmap.search.lock.terms import SupersededError, Term, Terms

__all__ = ["Lease", "Owner", "PACE", "Pace", "SupersededError", "Term", "Terms", "take_lease"]
