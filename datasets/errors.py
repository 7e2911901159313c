"""Mistakes of the user that only a task can detect."""

from collections.abc import Iterable
from difflib import get_close_matches


class TaskError(ValueError):
    """A task cannot be built as asked.

    Attributes:
        problems: One line each: what is wrong, where, and the nearest right thing.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def nearest_name(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for the nearest known name, or '; there are ...' if none is near."""
    names = list(known)
    close = get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(names)}" if names else ""
