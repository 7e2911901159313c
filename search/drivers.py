"""Who drives a run, as its lock says it."""

from failmap.analysis.errors import UserError
from failmap.analysis.run_folder import RunFolder
from failmap.search.lock import Owner, Terms


def driver_of(folder: RunFolder) -> Owner | None:
    """Who drives a run, or died over it; None where nobody does.

    Raises:
        UserError: its lock does not say so, or cannot be read.
    """
    terms = Terms(folder)
    try:
        last = terms.last()
    except OSError as error:
        raise UserError(f"{folder.lock}: cannot be read: {error.strerror or error}") from None
    if last is None or last.is_released:
        return None
    if last.owner is None:
        raise UserError(
            f"{terms.path(last.number)} does not say who drives this run: search.resume finds out"
        )
    return last.owner


def is_known_dead(owner: Owner) -> bool:
    """Whether this machine can tell that a driver is no more."""
    return owner.is_on_this_host and not owner.is_alive
