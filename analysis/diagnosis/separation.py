"""Which settings tell the trials that learned from those that failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from failmap.run_folder.wording import label_text, path_display, setting_display

#: How rarely chance separates as well, for one setting (Fisher's exact test, two-sided). Several are looked
#: at, so this is a hint where to look, and no finding.
SIGNIFICANCE = 0.05
#: Trials of each kind that are needed before anything is said.
MIN_TRIALS = 2
#: Settings that are told of.
MAX_TOLD = 3


@dataclass(frozen=True)
class Separation:
    """A setting whose values tell learned from failed trials.

    Attributes:
        path: dotted.
        told: one sentence with k of n.
        p_value: Fisher's exact test of the two rows.
    """

    path: str
    told: str
    p_value: float


def separations(
    learned: Sequence[Mapping[str, Any]], failed: Sequence[Mapping[str, Any]]
) -> tuple[Separation, ...]:
    """The settings that separate best, the clearest first.

    A setting is split in two: a number at each threshold, anything else into one value and the rest. A split
    is told of where it is perfect, or where Fisher's exact test finds it unlikely by chance.

    Args:
        learned, failed: settings by dotted path, of every trial.
    """
    if len(learned) < MIN_TRIALS or len(failed) < MIN_TRIALS:
        return ()
    trials = [(settings, True) for settings in learned] + [(settings, False) for settings in failed]
    paths = sorted({path for settings, _ in trials for path in settings})
    found = [best for path in paths if (best := _best_split(path, trials)) is not None]
    return tuple(sorted(found, key=lambda one: one.p_value)[:MAX_TOLD])


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration by dotted path."""
    settings: dict[str, Any] = {}
    for key, value in config.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            settings |= flat(value, f"{path}.")
        else:
            settings[path] = value
    return settings


def _best_split(path: str, trials: Sequence[tuple[Mapping[str, Any], bool]]) -> Separation | None:
    """The split of one setting that separates best; None where none separates."""
    values = [settings.get(path) for settings, _ in trials]
    texts = [label_text(value) for value in values]
    if len(set(texts)) < 2:
        return None
    best: Separation | None = None
    for words, is_in in _splits(path, values, texts):
        split = _judged(path, words, is_in, [has_learned for _, has_learned in trials])
        if split is not None and (best is None or split.p_value < best.p_value):
            best = split
    return best


def _splits(
    path: str, values: Sequence[Any], texts: Sequence[str]
) -> list[tuple[tuple[str, str], list[bool]]]:
    """Each way to split: what both sides are called, and who is on the first."""
    name = path_display(path)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        thresholds = sorted(set(values))[1:]
        return [
            ((f"a {name} of {label_text(limit)} or more", "less"), [value >= limit for value in values])
            for limit in thresholds
        ]
    said = {text: setting_display(path, value) for text, value in zip(texts, values, strict=True)}
    if len(said) == 2:
        (one, other) = said
        return [((said[one], said[other]), [text == one for text in texts])]
    return [((words, "anything else"), [other == text for other in texts]) for text, words in said.items()]


def _judged(
    path: str, words: tuple[str, str], is_in: Sequence[bool], has_learned: Sequence[bool]
) -> Separation | None:
    num_in = sum(is_in)
    num_out = len(is_in) - num_in
    learned_in = sum(inside and learned for inside, learned in zip(is_in, has_learned, strict=True))
    learned_out = sum(has_learned) - learned_in
    p_value = fisher_p(learned_in, num_in, learned_out, num_out)
    is_perfect = {learned_in / num_in, learned_out / num_out} == {0.0, 1.0}
    if not is_perfect and p_value > SIGNIFICANCE:
        return None
    told = f"with {words[0]}, {learned_in} of {num_in} learned; with {words[1]}, {learned_out} of {num_out}"
    return Separation(path, told, p_value)


def fisher_p(learned_in: int, num_in: int, learned_out: int, num_out: int) -> float:
    """Fisher's exact test (1935), two-sided: all tables of the same margins that are at most as likely."""
    learned, total = learned_in + learned_out, num_in + num_out
    ways = [
        comb(num_in, inside) * comb(num_out, learned - inside) if 0 <= learned - inside <= num_out else 0
        for inside in range(num_in + 1)
    ]
    return sum(way for way in ways if way <= ways[learned_in]) / comb(total, learned)
