"""Who drives a run, as its lock says it."""

from analysis.errors import UserError
from analysis.records import RunFolder
from search.lock import Owner


def driver_of(folder: RunFolder) -> Owner | None:
    """Who drives a run, or died over it; None where nobody does.

    Raises:
        UserError: its lock does not say so.
    """
    try:
        owner = Owner.of(folder.lock)
    except FileNotFoundError:
        return None
    if owner is None:
        raise UserError(
            f"{folder.lock} does not say who drives this run: if no driver runs, delete this file"
        )
    return owner


def is_known_dead(owner: Owner) -> bool:
    """Whether this machine can tell that a driver is no more."""
    return owner.is_on_this_host and not owner.is_alive
