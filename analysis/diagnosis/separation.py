"""Settings whose values separate the trials that learned from those that failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from failmap.run_folder.wording import label_text, path_display, setting_display

#: Largest p-value of a reported split that is not perfect (Fisher's exact test, two-sided). Several settings
#: are tested, so this is a hint where to look, not a finding.
SIGNIFICANCE = 0.05
#: Number of learned and of failed trials below which nothing is reported.
MIN_TRIALS = 2
#: Number of settings that are reported at most.
MAX_SEPARATIONS = 3


@dataclass(frozen=True)
class Separation:
    """A setting whose values separate learned from failed trials.

    Attributes:
        path: Dotted path of the setting.
        sentence: The split with its counts.
        p_value: Fisher's exact test of the two groups.
    """

    path: str
    sentence: str
    p_value: float


@dataclass(frozen=True)
class _Split:
    """Two groups of trials, by their names, and which trials are in the first."""

    names: tuple[str, str]
    is_in: Sequence[bool]


def separations(
    learned: Sequence[Mapping[str, Any]], failed: Sequence[Mapping[str, Any]]
) -> tuple[Separation, ...]:
    """Return the settings that separate best, in ascending order of p-value.

    Numbers are split at each threshold, anything else into one value and the rest. A split is reported if it
    is perfect or if Fisher's exact test is significant.

    Args:
        learned, failed: Settings of each trial by dotted path.
    """
    if len(learned) < MIN_TRIALS or len(failed) < MIN_TRIALS:
        return ()
    trials = [*learned, *failed]
    paths = sorted({path for settings in trials for path in settings})
    found = [
        min(separating, key=lambda one: one.p_value)
        for path in paths
        if (separating := _separating(path, [settings.get(path) for settings in trials], len(learned)))
    ]
    return tuple(sorted(found, key=lambda one: one.p_value)[:MAX_SEPARATIONS])


@lru_cache(maxsize=4096)  # A call of scipy takes 0.3 ms, and most settings split a cell in the same way.
def fisher_p(learned_in: int, num_in: int, learned_out: int, num_out: int) -> float:
    """Return the p-value of Fisher's exact test (1935), two-sided.

    It is rounded to 12 digits, so that two splits that mirror each other are equal.
    """
    from scipy.stats import fisher_exact

    table = [[learned_in, num_in - learned_in], [learned_out, num_out - learned_out]]
    return float(f"{fisher_exact(table).pvalue:.12g}")


def _separating(path: str, values: Sequence[Any], num_learned: int) -> list[Separation]:
    """Return the splits of one setting that separate.

    Args:
        path: Dotted path of the setting.
        values: Its value in each trial, those that learned first.
        num_learned: Number of trials that learned.
    """
    found = []
    for split in _splits(path, values):
        num_in, learned_in = sum(split.is_in), sum(split.is_in[:num_learned])
        num_out, learned_out = len(values) - num_in, num_learned - learned_in
        p_value = fisher_p(learned_in, num_in, learned_out, num_out)
        is_perfect = {learned_in / num_in, learned_out / num_out} == {0.0, 1.0}
        if is_perfect or p_value <= SIGNIFICANCE:
            first, second = split.names
            sentence = (
                f"with {first}, {learned_in} of {num_in} learned; with {second}, {learned_out} of {num_out}"
            )
            found.append(Separation(path, sentence, p_value))
    return found


def _splits(path: str, values: Sequence[Any]) -> list[_Split]:
    """Return every split of a setting; none if all trials share a value."""
    texts = [label_text(value) for value in values]
    if len(set(texts)) < 2:
        return []
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return [
            _Split(
                (f"a {path_display(path)} of {label_text(limit)} or more", "less"),
                [value >= limit for value in values],
            )
            for limit in sorted(set(values))[1:]
        ]
    shown = {text: setting_display(path, value) for text, value in zip(texts, values, strict=True)}
    if len(shown) == 2:
        first, second = shown
        return [_Split((shown[first], shown[second]), [text == first for text in texts])]
    return [
        _Split((name, "anything else"), [other == text for other in texts]) for text, name in shown.items()
    ]
