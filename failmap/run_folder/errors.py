"""How a user's mistakes are told: one clear line each, all of them at once, exit status 2."""

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import unquote

#: Control characters (escape sequences begin with one), separators of lines, marks that change the direction
#: of reading (Unicode Standard Annex 9; Boucher and Anderson 2021), and halves of surrogate pairs, which no
#: output can encode. Joiners, which some scripts need, stay.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str, allowed: str = "") -> str:
    r"""The same text in one line; what is not to be printed stands as `\x1b`, `\n`, `\u202e`."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in allowed else ascii(found[0])[1:-1], text)


def unprintable(text: str, allowed: str = "") -> str | None:
    r"""The first character that is not to be printed, as `\x1b`; None where there is none."""
    return next((printable(found[0]) for found in _UNSAFE.finditer(text) if found[0] not in allowed), None)


_HIDDEN = "***"

#: What stands before the @ of an address, up to the last one: a password may hold one, unescaped by mistake.
#: Behind a colon that begins no port it may even hold spaces.
_USERINFO = re.compile(r"(?<=://)((?:[^\s/?#@:]*:(?!\d+(?:[/?#\s,;)]|$)).*|\S*)@)(\S*)")
#: A parameter behind a question mark: its name, and its value.
_PARAMETER = re.compile(r"(?<=[?&;])([^=&#\s]+)=([^&#\s]*)")
_SECRET_NAME = re.compile(r"pass|pwd|secret|token|key|sig|cred|auth", re.IGNORECASE)


def redact(text: str) -> str:
    """The same text without users and passwords of URLs, and without parameters named like secrets.

    It rather hides too much: `postgresql://***@host/runs?password=***`.
    """
    if "://" not in text:
        return text
    return _PARAMETER.sub(_without_value, _USERINFO.sub(_without_user, text))


def _without_user(address: "re.Match[str]") -> str:
    # An @ within a parameter's value is none of a user's: what comes after it belongs to the value.
    return _HIDDEN if "=" in address[1] else f"{_HIDDEN}@{address[2]}"


def _without_value(parameter: "re.Match[str]") -> str:
    is_secret = _SECRET_NAME.search(unquote(parameter[1]))
    return f"{parameter[1]}={_HIDDEN}" if is_secret else parameter[0]


class UserError(ValueError):
    """Mistakes of the user's, each told in one line. Shown without a traceback; exit status 2.

    What cannot be printed is escaped, and secrets in addresses are hidden: words, file names and texts of
    others come into these lines.
    """

    def __init__(self, *problems: str) -> None:
        problems = tuple(printable(redact(problem)) for problem in problems)
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
        sys.stdout.flush()
    except UserError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        status = 2
    except BrokenPipeError:
        # Else the interpreter flushes standard output once more when it exits, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        print("stopped at once", file=sys.stderr)
        status = 130
    sys.exit(status)
