"""Texts of labels, paths and quantities, the same in tables, maps and reports."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

Kind = TypeVar("Kind")

#: Names that are written in capital letters.
_ABBREVIATIONS = {"rnn", "gru", "lstm", "mlp", "mnist", "cnn", "xor"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
#: Start of a field in the label of a joint choice, such as 'activation=none loss=mse'.
_FIELD = re.compile(r"(?:^| )(\w+)=")
#: A float as Python prints it.
_FLOAT = re.compile(r"-?\d+(\.\d+(e[+-]?\d+)?|e[+-]?\d+)")


def label_text(value: Any) -> str:
    """Return a value of an axis as text: 'none', 'true', '0.003', or one line for a joint choice."""
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
    """Return a value as a label of a map: short, but clear without its context.

    A joint choice ('activation=sigmoid loss=mse') is reduced to its values ('sigmoid, mse'). Values that say
    nothing by themselves keep their names: 'forget_bias=1', 'no activation'.

    Args:
        path: Dotted path of the axis.
        value: The value, or its stored label.
    """
    fields = _fields(path, value)
    if not fields:
        return _value_text(value)
    return ", ".join(_field_display(path, key, _value_text(text)) for key, text in fields.items())


def axis_labels(path: str, values: Iterable[Any]) -> tuple[str, ...]:
    """Return the labels of an axis, shortened unless that makes two of them equal."""
    values = list(values)
    labels = tuple(label_display(path, value) for value in values)
    return labels if len(set(labels)) == len(labels) else tuple(map(label_text, values))


def axis_display(path: str, values: Iterable[Any]) -> str:
    """Return the title of an axis: 'learning rate', or 'activation, loss' for a joint choice."""
    fields = [item for value in values for item in _fields(path, value).items()]
    named = {key for key, text in fields if _is_clear_alone(_value_text(text))}
    keys = dict.fromkeys(key for key, _ in fields if key in named)
    return ", ".join(path_display(f"{path}.{key}") for key in keys) or path_display(path)


def path_display(path: str) -> str:
    """Return the last part of a dotted path as text: 'learning rate', but 'task' for 'task.name'."""
    return path.removesuffix(".name").rpartition(".")[2].replace("_", " ")


def name_display(name: str) -> str:
    """Return a task's or a network's name as text: 'delayed recall', 'LSTM', 'moving MNIST'."""
    words = (word.upper() if word in _ABBREVIATIONS else word for word in name.split("_"))
    return " ".join(words).replace("encoder decoder", "encoder-decoder").replace("conv LSTM", "ConvLSTM")


def any_of(names: Sequence[str]) -> str:
    """Return names as one phrase: 'LSTM, GRU or RNN'."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def setting_display(path: str, value: Any) -> str:
    """Return a setting as text: 'adam' for an optimizer, else name and value: 'learning rate 0.003'."""
    fields = _fields(path, value)
    if fields:
        return ", ".join(setting_display(f"{path}.{key}", text) for key, text in fields.items())
    text = _value_text(value)
    return text if path == "train.optimizer" else f"{path_display(path)} {text}"


def cell_display(paths: Iterable[str], labels: Iterable[Any]) -> str:
    """Return a cell's labels as text: 'sequence length 20, depth 3'."""
    return ", ".join(setting_display(path, label) for path, label in zip(paths, labels, strict=True))


def is_scale(values: Iterable[Any]) -> bool:
    """Return whether an axis' values are numbers, which have an order, and not names."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def in_order(values: Iterable[Kind]) -> list[Kind]:
    """Return values with the numbers among them sorted, and all others behind these as they are."""
    values = list(values)
    numbers: list[Any] = [value for value in values if is_scale([value])]
    return [*sorted(numbers), *(value for value in values if not is_scale([value]))]


def label_lines(label: str, width: int) -> list[str]:
    """Return a label as lines of at most `width` characters, broken at spaces, and after underscores."""
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


def least_width(label: str) -> int:
    """Return the least width in which `label_lines` breaks no word."""
    return max(map(len, re.findall(r"[^_\s]*_+|[^_\s]+", label)), default=0)


def _field_display(path: str, key: str, text: str) -> str:
    if text == "none":
        return f"no {path_display(f'{path}.{key}')}"
    return text if _is_clear_alone(text) else f"{key}={text}"


def _fields(path: str, value: Any) -> dict[str, str]:
    """Return the fields of a joint choice, the value of a whole group; none for any other value."""
    text = label_text(value)
    starts = list(_FIELD.finditer(text))
    if "." in path or not starts or starts[0].start() != 0:
        return {}
    ends = [*(start.start() for start in starts[1:]), len(text)]
    return {start[1]: text[start.end() : end] for start, end in zip(starts, ends, strict=True)}


def _value_text(value: Any) -> str:
    """Return a value as text with at most five digits: '0.003', '1e-5', 'true'."""
    text = label_text(value)
    if text in ("True", "False", "None"):
        return text.lower()
    if isinstance(value, float) or (isinstance(value, str) and _FLOAT.fullmatch(text)):
        return re.sub(r"e(-?)\+?0*(\d)", r"e\1\2", f"{float(text):.5g}")
    return text


def _is_clear_alone(text: str) -> bool:
    """Return whether a value is clear without its name."""
    return text not in ("true", "false", "none") and re.match(r"[-+.\[]?\d", text) is None and text != "[]"


def quantity(count: int, noun: str) -> str:
    """Return '1 trial' or '2 trials'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def number_display(number: int) -> str:
    """Return a small number as a word, any other in digits."""
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else f"{number:,}"


def duration_display(seconds: float) -> str:
    """Return a duration in its natural unit: '40 s', '12 min', '3.5 h', '2.1 d'."""
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.2g} {name}" if seconds / unit < 10 else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.2g} d" if seconds < 864_000 else f"{seconds / 86_400:,.0f} d"
