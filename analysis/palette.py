"""The colours of a failure map, for the picture and the page, on light and dark backgrounds.

People with red-green colour blindness can distinguish blue from orange (Okabe and Ito 2008).
"""

from failmap.analysis.verdict import CellVerdict, State

LEARNS = "#1f5fa8"
FAILS = "#b8480c"
#: Cells that the surface decides: a lighter tone under stripes of the full one.
INFERRED_LEARNS = "#b9d3ee"
INFERRED_FAILS = "#f8cba8"
_PALE_LEARNS = (196, 219, 243)
_PALE_MIDDLE = (233, 229, 222)
_PALE_FAILS = (250, 215, 190)

#: The name of each state in legends.
STATE_WORDS: dict[State, str] = {
    "learns": "learns",
    "fails": "fails",
    "edge": "at the edge",
    "unknown": "unknown",
    "not_run": "not run",
}


def cell_colour(verdict: CellVerdict) -> str | None:
    """Return a cell's colour as '#rrggbb'.

    It is saturated if the cell is measured, light if it is inferred, and pale and graded if it is open: by
    P(learn) at the edge, by k / n elsewhere. Return None for a cell that was not run.
    """
    match verdict.state, verdict.basis:
        case "learns", basis:
            return LEARNS if basis == "measured" else INFERRED_LEARNS
        case "fails", basis:
            return FAILS if basis == "measured" else INFERRED_FAILS
        case "edge", _ if verdict.belief is not None:
            return unknown_colour(verdict.belief.p)
        case "not_run", _:
            return None
    return unknown_colour(verdict.tally.share if verdict.tally.trials else 0.5)


def stripe_colour(verdict: CellVerdict) -> str | None:
    """Return the colour of the stripes of an inferred cell; None for any other."""
    if not verdict.is_inferred:
        return None
    return LEARNS if verdict.state == "learns" else FAILS


def unknown_colour(share: float) -> str:
    """Return the pale tone of an unknown cell in which this share of seeds learned."""
    low, high = (_PALE_FAILS, _PALE_MIDDLE) if share < 0.5 else (_PALE_MIDDLE, _PALE_LEARNS)
    part = share * 2 % 1 if share < 1 else 1.0
    mixed = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)
