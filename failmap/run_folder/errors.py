"""User errors: what is safe to print, and how a program reports mistakes and exits."""

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote

#: Control characters (escape sequences begin with one), line separators, marks that change the direction of
#: reading (Unicode Standard Annex 9; Boucher and Anderson 2021), and lone surrogates, which no output can
#: encode. Joiners, which some scripts need, are kept.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_HIDDEN = "***"
#: What precedes the last @ of an address: a password may contain an unescaped @. After a colon that begins
#: no port, it may even contain spaces.
_USERINFO = re.compile(r"(?<=://)((?:[^\s/?#@:]*:(?!\d+(?:[/?#\s,;)]|$)).*|\S*)@)(\S*)")
#: The name and value of a parameter after a question mark.
_PARAMETER = re.compile(r"(?<=[?&;])([^=&#\s]+)=([^&#\s]*)")
_SECRET_NAME = re.compile(r"pass|pwd|secret|token|key|sig|cred|auth", re.IGNORECASE)


def printable(text: str, allowed: str = "") -> str:
    r"""Return the text in one line, with unprintable characters escaped as `\x1b`, `\n`, `\u202e`."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in allowed else ascii(found[0])[1:-1], text)


def unprintable(text: str, allowed: str = "") -> str | None:
    r"""Return the first unprintable character, escaped as `\x1b`, or None if there is none."""
    return next((printable(found[0]) for found in _UNSAFE.finditer(text) if found[0] not in allowed), None)


def redact(text: str) -> str:
    """Return the text without users and passwords in URLs, and without parameters named like secrets.

    It hides too much rather than too little: `postgresql://***@host/runs?password=***`.
    """
    if "://" not in text:
        return text
    return _PARAMETER.sub(_without_value, _USERINFO.sub(_without_user, text))


def _without_user(address: "re.Match[str]") -> str:
    # An @ within a parameter's value ends no user name: what follows belongs to the value.
    return _HIDDEN if "=" in address[1] else f"{_HIDDEN}@{address[2]}"


def _without_value(parameter: "re.Match[str]") -> str:
    is_secret = _SECRET_NAME.search(unquote(parameter[1]))
    return f"{parameter[1]}={_HIDDEN}" if is_secret else parameter[0]


class UserError(ValueError):
    """Mistakes of the user, one line each, shown without a traceback; exit status 2.

    Arguments, file names and other foreign text end up in these lines: unprintable characters are escaped,
    and secrets in addresses are hidden.
    """

    def __init__(self, *problems: str) -> None:
        problems = tuple(printable(redact(problem)) for problem in problems)
        super().__init__("\n".join(problems))
        self.problems = problems


@contextmanager
def report_write_errors(folder: object) -> Iterator[None]:
    """Turn errors of the file system into a UserError that names the file, or else the folder."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise UserError(f"{where}: cannot be written: {error.strerror or error}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for the nearest known name, or '; known: ...' if none is near."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(names)}" if names else ""


def run_program(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a program's `main` and return its exit status; mistakes and Ctrl-C end it without a traceback."""
    try:
        status = main(arguments)
        sys.stdout.flush()
        return status
    except UserError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Else the interpreter flushes standard output once more when it exits, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped at once", file=sys.stderr)
        return 130
