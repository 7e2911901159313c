"""How labels, paths and amounts read, the same in tables, maps and reports."""

from collections.abc import Mapping
from typing import Any

#: Names that are abbreviations are written large.
_ABBREVIATIONS = {"rnn", "gru", "lstm", "mnist"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def label_text(value: Any) -> str:
    """A value of an axis as text: 'none', 'true', '0.003', a joint choice as one line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={inner}" for key, inner in value.items())
    return str(value)


def path_words(path: str) -> str:
    """The last part of a dotted path in words: 'learning rate'."""
    return path.rpartition(".")[2].replace("_", " ")


def name_words(name: str) -> str:
    """A task's or a network's name in words: 'delayed recall', 'LSTM'."""
    return name.upper() if name in _ABBREVIATIONS else name.replace("_", " ")


def setting_words(path: str, value: Any) -> str:
    """A setting in words: 'adam' for an optimizer, else its name and value, as in 'learning rate 0.003'."""
    text = label_text(value)
    return text if path in ("train.optimizer", "output") else f"{path_words(path)} {text}"


def count_words(count: int, noun: str) -> str:
    """'1 trial', '2 trials'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def number_word(number: int) -> str:
    """Small numbers in words, others in digits."""
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else f"{number:,}"


def duration_text(seconds: float) -> str:
    """A duration in its natural unit: '40 s', '12 min', '3.5 h', '2.1 d'."""
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.2g} {name}" if seconds / unit < 10 else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.2g} d" if seconds < 864_000 else f"{seconds / 86_400:,.0f} d"
