"""What the fixes that were tried in a cell say of the cause that was suspected there."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from failmap.analysis.diagnosis import CONTROLS, REMEDIES
from failmap.analysis.interventions.comparisons import Comparison

#: What became of one fix. A control at a learning rate of nearly zero can only tell whether it is finite.
Verdict = Literal["works", "does not work", "open", "finite", "not finite"]
#: What became of one thing that was taken away.
Need = Literal["needed", "not needed", "open"]
Status = Literal["confirmed", "suspected", "refuted"]

#: They name nothing that a fix could confirm.
_NAMELESS = ("", "none", "unknown")
_LADDERS: Mapping[str, Sequence[str]] = dict(REMEDIES.items())
_TOLD_BY_CONTROLS: Mapping[tuple[str, str], str] = {
    (
        "every_step_labels",
        "works",
    ): "it learns with a label at every step, so the capacity suffices: it is the supervision",
    (
        "zero_rate",
        "not finite",
    ): "it is not finite even where the weights stand still: a bug in data or network",
    ("zero_rate", "finite"): "it is finite where the weights stand still: the step was too large",
}


@dataclass(frozen=True)
class Confirmation:
    """What is known of a cause in one cell.

    Attributes:
        cause: which.
        status: confirmed, suspected or refuted.
        reason: one sentence with the fixes that decided.
    """

    cause: str
    status: Status
    reason: str


def verdict(comparison: Comparison) -> Verdict:
    """Whether a fix works: P(learn) surely above one half with it, and surely below without.

    It does not work where P(learn) surely stays below one half. All else is open.
    """
    before, after = comparison.pairs.before, comparison.pairs.after
    if comparison.name == "zero_rate":
        if comparison.num_nonfinite:
            return "not finite"
        return "finite" if after.trials else "open"
    if after.is_above_half and before.is_below_half:
        return "works"
    return "does not work" if after.is_below_half else "open"


def need(comparison: Comparison) -> Need:
    """Whether a recipe that learned needed what was taken away: P(learn) was surely above one half, and is
    surely below. What surely stays above was not needed; all else is open.
    """
    before, after = comparison.pairs.before, comparison.pairs.after
    if after.is_above_half:
        return "not needed"
    return "needed" if before.is_above_half and after.is_below_half else "open"


def confirmations(comparisons: Sequence[Comparison]) -> list[Confirmation]:
    """What the fixes tried on one base say of each cause that one of them was meant against.

    The cause that most of them were meant against comes first.

    Args:
        comparisons: all of one cell and base.
    """
    causes = Counter(comparison.cause for comparison in comparisons if comparison.cause not in _NAMELESS)
    return [_confirm(cause, comparisons) for cause, _ in causes.most_common()]


def control_lines(comparisons: Iterable[Comparison]) -> list[str]:
    """What the controls tell, which explain and mend nothing: one sentence each."""
    return [told for one in comparisons if (told := _TOLD_BY_CONTROLS.get((one.name, verdict(one))))]


def _confirm(cause: str, comparisons: Sequence[Comparison]) -> Confirmation:
    """The rules of docs/rescue.md: a fix against the cause must work, and one against another must not."""
    fixes = [one for one in comparisons if one.name not in CONTROLS]
    against_it = {one.words: verdict(one) for one in fixes if one.name in _LADDERS.get(cause, ())}
    against_others = {one.words: verdict(one) for one in fixes if one.words not in against_it}
    working, foils = _with("works", against_it), _with("does not work", against_others)
    if not against_it:
        return Confirmation(cause, "suspected", "no fix against it was tried")
    if working and foils:
        reason = f"works: {working}, against it; does not work: {foils}, against another cause"
        return Confirmation(cause, "confirmed", reason)
    if working:
        reason = f"works: {working}, against it; no fix against another cause was seen not to work"
        return Confirmation(cause, "suspected", reason)
    if set(against_it.values()) != {"does not work"}:
        return Confirmation(cause, "suspected", "whether a fix against it works is open")
    failing, working_else = _with("does not work", against_it), _with("works", against_others)
    if working_else:
        reason = f"does not work: {failing}, against it; works: {working_else}, against another cause"
        return Confirmation(cause, "refuted", reason)
    reason = f"does not work: {failing}, against it; no fix against another cause was seen to work"
    return Confirmation(cause, "suspected", reason)


def _with(wanted: Verdict, fixes: Mapping[str, Verdict]) -> str:
    """The fixes with a verdict, in a row; '' where there are none."""
    return ", ".join(words for words, found in fixes.items() if found == wanted)
