"""Fixes on top of fixes: what each was tried against, and how far the chain came."""

from collections import Counter
from collections.abc import Sequence

from failmap.analysis.diagnosis import FIX_WORDS
from failmap.analysis.interventions.comparisons import Comparison


def chain_display(chain: str) -> str:
    """Return the words for fixes that are in effect together: 'another output head + layer norm'."""
    return " + ".join(FIX_WORDS.get(name, name) for name in chain.split("+"))


def chain_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Return one sentence for each chain of fixes, in order of what was tried.

    For example 'another output head: then saturated; + gradient clipping: learns 4 of 4'.

    Args:
        comparisons: All comparisons of one cell and base.
    """
    bases = list(dict.fromkeys(one.on_top_of for one in comparisons if one.on_top_of))
    # A chain that others continue is part of their sentences.
    ends = [base for base in bases if not any(other.startswith(f"{base}+") for other in bases)]
    return [_sentence(base, comparisons) for base in ends]


def _sentence(chain: str, comparisons: Sequence[Comparison]) -> str:
    names = chain.split("+")
    parts = []
    for index, name in enumerate(names):
        causes = Counter(
            one.cause for one in comparisons if one.on_top_of == "+".join(names[: index + 1]) and one.cause
        )
        cause = causes.most_common(1)[0][0].replace("_", " ") if causes else "another cause"
        parts.append(f"{'+ ' if index else ''}{FIX_WORDS.get(name, name)}: then {cause}")
    tried = [one for one in comparisons if one.on_top_of == chain]
    best = max(tried, key=lambda one: (one.pairs.after.interval.low, one.pairs.after.share))
    if best.pairs.after.trials:
        parts.append(f"+ {FIX_WORDS.get(best.name, best.name)}: learns {best.pairs.after.words}")
    return "; ".join(parts)
