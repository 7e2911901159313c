"""Texts for labels, paths and amounts, the same in tables, maps and reports."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: Names that are abbreviations are written large.
_ABBREVIATIONS = {"rnn", "gru", "lstm", "mlp", "mnist", "cnn", "xor"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
#: Where a field of a joint choice begins in its label, as in 'activation=none loss=mse'.
_FIELD = re.compile(r"(?:^| )(\w+)=")


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


def label_display(path: str, value: Any) -> str:
    """A value as the labels of a map show it: short, and readable where it stands alone.

    Of a joint choice ('activation=sigmoid loss=mse') only the words are left ('sigmoid, mse'); what says
    nothing without its name keeps it: 'forget_bias=1', 'no activation'. Takes a value, or its stored label.
    """
    fields = _fields(path, value)
    if not fields:
        return _value_words(value)
    return ", ".join(_field_words(path, key, _value_words(text)) for key, text in fields.items())


def axis_labels(path: str, values: Iterable[Any]) -> tuple[str, ...]:
    """The labels of an axis, short as long as that leaves them distinct."""
    values = list(values)
    labels = tuple(label_display(path, value) for value in values)
    return labels if len(set(labels)) == len(labels) else tuple(map(label_text, values))


def axis_display(path: str, values: Iterable[Any]) -> str:
    """What the labels of an axis are values of: 'learning rate', of a joint choice 'activation, loss'."""
    fields = [(key, _value_words(text)) for value in values for key, text in _fields(path, value).items()]
    spoken = {key for key, text in fields if _speaks_for_itself(text)}
    keys = dict.fromkeys(key for key, _ in fields if key in spoken)
    return ", ".join(path_display(f"{path}.{key}") for key in keys) or path_display(path)


def path_display(path: str) -> str:
    """The last part of a dotted path in words: 'learning rate'. A group's name is called as the group is."""
    return path.removesuffix(".name").rpartition(".")[2].replace("_", " ")


def name_display(name: str) -> str:
    """A task's or a network's name in words: 'delayed recall', 'LSTM', 'moving MNIST'."""
    words = (word.upper() if word in _ABBREVIATIONS else word for word in name.split("_"))
    return " ".join(words).replace("encoder decoder", "encoder-decoder").replace("conv LSTM", "ConvLSTM")


def any_of(names: Sequence[str]) -> str:
    """Several in one phrase: 'LSTM, GRU or RNN'."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def setting_display(path: str, value: Any) -> str:
    """A setting in words: 'adam' for an optimizer, else its name and value, as in 'learning rate 0.003'."""
    fields = _fields(path, value)
    if fields:
        return ", ".join(setting_display(f"{path}.{key}", text) for key, text in fields.items())
    text = _value_words(value)
    return text if path == "train.optimizer" else f"{path_display(path)} {text}"


def is_scale(values: Iterable[Any]) -> bool:
    """Whether an axis' values are numbers, which have an order, or names, which have none."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def label_lines(label: str, width: int) -> list[str]:
    """A label in lines of at most so many characters, broken at spaces, and in words behind underscores."""
    pieces = [
        (" " * (index == 0), part)
        for word in label.split()
        for index, part in enumerate(re.findall(r"[^_]*_+|[^_]+$", word) if len(word) > width else [word])
    ]
    lines = [""]
    for gap, piece in pieces:
        if not lines[-1]:
            lines[-1] = piece
        elif len(lines[-1] + gap + piece) <= width:
            lines[-1] += gap + piece
        else:
            lines.append(piece)
    return [line[start : start + width] for line in lines for start in range(0, len(line) or 1, width)]


def _field_words(path: str, key: str, text: str) -> str:
    if text == "none":
        return f"no {path_display(f'{path}.{key}')}"
    return text if _speaks_for_itself(text) else f"{key}={text}"


def _fields(path: str, value: Any) -> dict[str, str]:
    """The fields of a joint choice, which is the value of a whole group; none of any other value."""
    text = label_text(value)
    starts = list(_FIELD.finditer(text))
    if "." in path or not starts or starts[0].start() != 0:
        return {}
    ends = [*(start.start() for start in starts[1:]), len(text)]
    return {start[1]: text[start.end() : end] for start, end in zip(starts, ends, strict=True)}


def _value_words(value: Any) -> str:
    """A value as text, of which nobody reads more than five digits: '0.003', '1e-5', 'true'."""
    text = label_text(value)
    if text in ("True", "False", "None"):
        return text.lower()
    if isinstance(value, float) or (isinstance(value, str) and _is_fraction(text)):
        return re.sub(
            r"e([+-])0*(\d)", lambda found: f"e{found[1].strip('+')}{found[2]}", f"{float(text):.5g}"
        )
    return text


def _is_fraction(text: str) -> bool:
    """Whether a text is a number that is not whole, as floats are written."""
    return re.fullmatch(r"-?\d+(\.\d+(e[+-]?\d+)?|e[+-]?\d+)", text) is not None


def _speaks_for_itself(text: str) -> bool:
    return text not in ("true", "false", "none") and re.match(r"[-+.\[]?\d", text) is None and text != "[]"


def quantity(count: int, noun: str) -> str:
    """'1 trial', '2 trials'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def number_display(number: int) -> str:
    """Small numbers in words, others in digits."""
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else f"{number:,}"


def duration_display(seconds: float) -> str:
    """A duration in its natural unit: '40 s', '12 min', '3.5 h', '2.1 d'."""
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.2g} {name}" if seconds / unit < 10 else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.2g} d" if seconds < 864_000 else f"{seconds / 86_400:,.0f} d"
