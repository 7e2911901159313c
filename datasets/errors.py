"""The user's mistakes that only a task can see."""

from collections.abc import Iterable
from difflib import get_close_matches


class TaskError(ValueError):
    """A task cannot be built as asked. One line: what is wrong, where, and the nearest right thing."""


def nearest_name(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for the nearest known name, or '; there are ...' where none is near."""
    names = list(known)
    close = get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(names)}" if names else ""
