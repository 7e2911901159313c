"""The settings of recipes in a table: which of them differ, and what is written in their columns."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from failmap.run_folder.wording import (
    axis_display,
    axis_labels,
    is_scale,
    label_display,
    label_text,
    path_display,
    setting_display,
)

#: Stands for a setting that a recipe does not have, such as the momentum of an optimizer without one.
ABSENT = "–"  # noqa: RUF001
#: Characters of a name and of a value; longer ones lose their middle.
_MOST_CHARACTERS = 44


def axis_names(paths: Sequence[str], recipes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the title of each axis, the whole path where two would be the same."""
    names = {
        path: axis_display(path, [one[path] for one in recipes if path in one]) or path_display(path)
        for path in paths
    }
    times = Counter(names.values())
    return {path: shortened(name if times[name] == 1 else path) for path, name in names.items()}


def setting_texts(path: str, recipes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return an axis' value in each recipe as a short text that is clear below its title."""
    recipes = list(recipes)
    values = {label_text(one[path]): one[path] for one in recipes if path in one}
    if is_scale(values.values()):
        # Not made distinct: two learning rates that agree in five digits need not be.
        texts = {key: label_display(path, value) for key, value in values.items()}
    else:
        texts = dict(zip(values, axis_labels(path, values.values()), strict=True))
    return [shortened(texts[label_text(one[path])]) if path in one else ABSENT for one in recipes]


def split_settings(paths: Sequence[str], recipes: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the paths whose values differ between recipes, and what the others are: 'depth 1'."""
    differing, common = [], []
    for path in paths:
        values = {label_text(one[path]) if path in one else None for one in recipes}
        if len(values) > 1:
            differing.append(path)
        elif recipes and path in recipes[0]:
            common.append(setting_display(path, recipes[0][path]))
    return differing, common


def shortened(text: str) -> str:
    """Return a text, a long one without its middle: long names tend to differ at an end."""
    half = _MOST_CHARACTERS // 2
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:half]}…{text[-half:]}"
