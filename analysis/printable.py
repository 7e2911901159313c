"""Text of others, shown so that it cannot steer a terminal, fake a line, or turn the reading order round."""

import re

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
