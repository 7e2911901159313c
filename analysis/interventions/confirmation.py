"""Whether the fixes that were tried in a cell confirm the suspected cause."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from failmap.analysis.diagnosis import CONTROLS, REMEDIES
from failmap.analysis.interventions.chains import chain_display
from failmap.analysis.interventions.comparisons import Comparison

#: The result of one fix. The control at a learning rate of nearly zero only shows whether the loss is finite.
Verdict = Literal["works", "does not work", "open", "finite", "not finite"]
#: The result of one ablation.
Need = Literal["needed", "not needed", "open"]
Status = Literal["confirmed", "suspected", "refuted"]

#: Causes that no fix can confirm.
_UNCONFIRMABLE = ("", "none", "unknown")
_CONTROL_LINES: Mapping[str, Mapping[str, str]] = {
    "every_step_labels": {
        "works": "it learns with a label at every step, so the capacity suffices: it is the supervision"
    },
    "zero_rate": {
        "not finite": "it is not finite even if the weights hardly move: a bug in data or network",
        "finite": "it is finite if the weights hardly move: the steps were too large",
    },
}


@dataclass(frozen=True)
class Confirmation:
    """The status of a cause in one cell.

    Attributes:
        cause: The cause.
        status: Confirmed, suspected or refuted.
        reason: One sentence with the fixes that decided.
        on_top_of: Fixes with which the cell failed by this cause, as in `Intervention.on_top_of`.
    """

    cause: str
    status: Status
    reason: str
    on_top_of: str = ""

    @property
    def condition(self) -> str:
        """Return 'with layer norm, ' for a cause that a fix brought out, and '' for the others."""
        return f"with {chain_display(self.on_top_of)}, " if self.on_top_of else ""


def verdict(comparison: Comparison) -> Verdict:
    """Return whether a fix works: P(learn) is surely above one half with it and surely below without it.

    It does not work if P(learn) surely stays below one half. Anything else is open.
    """
    before, after = comparison.pairs.before, comparison.pairs.after
    if comparison.name == "zero_rate":
        if comparison.num_nonfinite:
            return "not finite"
        return "finite" if after.trials else "open"
    if after.interval.is_above_half and before.interval.is_below_half:
        return "works"
    return "does not work" if after.interval.is_below_half else "open"


def need(comparison: Comparison) -> Need:
    """Return whether a recipe needed what was removed: P(learn) was surely above one half and is surely
    below.

    It was not needed if P(learn) surely stays above one half. Anything else is open.
    """
    before, after = comparison.pairs.before, comparison.pairs.after
    if after.interval.is_above_half:
        return "not needed"
    return "needed" if before.interval.is_above_half and after.interval.is_below_half else "open"


def confirmations(comparisons: Sequence[Comparison]) -> list[Confirmation]:
    """Return the status of each cause that a fix was chosen against, the one with the most fixes first.

    Causes that showed up after a fix come later, each judged by what was tried on top of that fix.

    Args:
        comparisons: All comparisons of one cell and base.
    """
    found = []
    for on_top_of in dict.fromkeys(["", *(one.on_top_of for one in comparisons)]):
        mine = [one for one in comparisons if one.on_top_of == on_top_of]
        causes = Counter(one.cause for one in mine if one.cause not in _UNCONFIRMABLE)
        found += [replace(_confirm(cause, mine), on_top_of=on_top_of) for cause, _ in causes.most_common()]
    return found


def control_lines(comparisons: Iterable[Comparison]) -> list[str]:
    """Return one sentence per control: controls explain a failure but do not repair it."""
    return [line for one in comparisons if (line := _CONTROL_LINES.get(one.name, {}).get(verdict(one)))]


def _confirm(cause: str, comparisons: Sequence[Comparison]) -> Confirmation:
    """Apply the rules of docs/rescue.md: a fix against the cause must work and one against another must
    not."""
    fixes = [one for one in comparisons if one.name not in CONTROLS]
    against_it = {one.words: verdict(one) for one in fixes if one.name in REMEDIES.get(cause, ())}
    against_others = {one.words: verdict(one) for one in fixes if one.words not in against_it}
    if not against_it:
        return Confirmation(cause, "suspected", "no fix against it was tried")
    working, failing = _with("works", against_it), _with("does not work", against_it)
    working_else, failing_else = _with("works", against_others), _with("does not work", against_others)
    status: Status = "suspected"
    if working and failing_else:
        status = "confirmed"
        reason = f"works: {working}, against it; does not work: {failing_else}, against another cause"
    elif working:
        reason = f"works: {working}, against it; no fix against another cause is known not to work"
    elif set(against_it.values()) != {"does not work"}:
        reason = "whether a fix against it works is open"
    elif working_else:
        status = "refuted"
        reason = f"does not work: {failing}, against it; works: {working_else}, against another cause"
    else:
        reason = f"does not work: {failing}, against it; no fix against another cause is known to work"
    return Confirmation(cause, status, reason)


def _with(wanted: Verdict, fixes: Mapping[str, Verdict]) -> str:
    """Return the fixes with a verdict, separated by commas."""
    return ", ".join(words for words, found in fixes.items() if found == wanted)
