"""How a user's mistakes are told: one clear line each, all of them at once, exit status 2."""

import difflib
import sys
from collections.abc import Callable, Iterable, Sequence

from failmap.analysis.printable import printable
from failmap.analysis.redaction import hide_secrets


class UserError(ValueError):
    """Mistakes of the user's, each told in one line. Shown without a traceback; exit status 2.

    What cannot be printed is escaped, and secrets in addresses are hidden: words, file names and texts of
    others come into these lines.
    """

    def __init__(self, *problems: str) -> None:
        problems = tuple(printable(hide_secrets(problem)) for problem in problems)
        super().__init__("\n".join(problems))
        self.problems = problems


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for the nearest known name, or '; known: ...' where none is near."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(names)}" if names else ""


def command(main: Callable[[Sequence[str]], int]) -> None:
    """Runs a program's `main` over the command line's words; mistakes and Ctrl-C end it in a line."""
    try:
        status = main(sys.argv[1:])
    except UserError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        status = 2
    except BrokenPipeError:
        status = 0
    except KeyboardInterrupt:
        print("stopped at once", file=sys.stderr)
        status = 130
    sys.exit(status)
