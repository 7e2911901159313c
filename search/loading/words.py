"""The command line's words: key=value, lists without brackets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from failmap.search.loading.yaml_text import YamlError, parse_yaml

#: Keys whose values are names and paths, taken as they are written.
TEXT_KEYS = ("run", "storage", "space", "budget", "cluster", "shard", "journal")


@dataclass(frozen=True)
class Word:
    """One word: its key, its value as written, and its value as data (several values are a list)."""

    key: str
    text: str
    value: Any

    @property
    def values(self) -> list[Any]:
        """One value or several, as a list."""
        return self.value if isinstance(self.value, list) else [self.value]

    def __str__(self) -> str:
        return f"{self.key}={self.text}"


def read_words(words: Sequence[str], problems: list[str]) -> dict[str, Word]:
    """Words by their keys. What is not a word is added to the problems and left out."""
    read: dict[str, Word] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not word.isprintable():
            problems.append(f"{word!a}: has a character that cannot be printed")
        elif not equals or not key:
            problems.append(f"{word}: not a word of the form key=value")
        elif not text.strip():
            problems.append(f"{word}: no value after the equals sign")
        elif key in read:
            problems.append(f"{word}: {key} is set already, by {read[key]}")
        else:
            try:
                read[key] = Word(key, text, _value(key, text))
            except YamlError as error:
                problems.append(f"{word}: {error}")
    return read


def _value(key: str, text: str) -> Any:
    if key in TEXT_KEYS:
        if "${" in text:
            raise YamlError("${...} is not filled in here: write the value itself")
        return text
    listed = parse_yaml(f"[{text}]")
    assert isinstance(listed, list), listed
    if listed in ([], [[]], [{}]):
        raise YamlError("no value in it")
    return listed[0] if len(listed) == 1 else listed
