"""Corrupted versions of valid files."""

import re
from functools import cache

from hypothesis import strategies as st

#: Replacements for a value of another kind.
HOSTILE = (
    "1e999", "-1e999", "NaN", "-Infinity", str(10**400), str(2**63), "-1", "0.5", "null", "true", '""', '"x"',
    '"\\u0000"', '"\\ud800"', '"\\u001b]0;owned\\u0007"', '"\\u202e"', "[]", "{}", "[[1]]", '{"a": 1}',
    "[" * 5000, "[" * 300 + "]" * 300, '{"a":' * 3000, '"' + "y" * 100_000 + '"', '"$\\\\frac{$"', "'",
    '"</script><script>alert(1)</script>"', '"../../etc/passwd"', '"=1+1"', "!!python/object/apply:os.system",
)  # fmt: skip


def corrupted(valid: bytes) -> st.SearchStrategy[bytes]:
    """Return random bytes, and the valid content with cuts, flipped bits, doubled lines or hostile values."""
    return st.one_of(
        st.binary(max_size=200),
        st.builds(_cut, st.just(valid), st.integers(0, len(valid)), st.integers(0, 40)),
        st.builds(_flipped, st.just(valid), st.lists(st.integers(0, 8 * len(valid) - 1), max_size=8)),
        st.builds(_replaced, st.just(valid), st.integers(0, 10**6), st.sampled_from(HOSTILE)),
        st.builds(_replaced, st.just(valid), st.integers(0, 10**6), st.sampled_from(HOSTILE)),
        st.builds(_doubled, st.just(valid), st.integers(0, 10**6)),
    )


def _cut(valid: bytes, at: int, length: int) -> bytes:
    return valid[:at] + (valid[at + length :] if length else b"")


def _flipped(valid: bytes, bits: list[int]) -> bytes:
    flipped = bytearray(valid)
    for bit in bits:
        flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def _replaced(valid: bytes, which: int, hostile: str) -> bytes:
    """Replace one value of a JSON or YAML text."""
    spans = _value_spans(valid)
    if not spans:
        return valid + hostile.encode()
    start, end = spans[which % len(spans)]
    return valid[:start] + hostile.encode() + valid[end:]


def _doubled(valid: bytes, which: int) -> bytes:
    lines = valid.splitlines(keepends=True)
    where = which % len(lines)
    return b"".join([*lines[: where + 1], *lines[where:]])


@cache
def _value_spans(valid: bytes) -> list[tuple[int, int]]:
    """Return start and end of quoted texts, numbers and words."""
    return [found.span() for found in re.finditer(rb'"[^"\n]*"|-?[0-9][0-9.e+-]*|\b[a-z_]+\b', valid)]
