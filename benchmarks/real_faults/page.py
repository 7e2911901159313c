"""The results page: a row for each case, and sums."""

from collections.abc import Sequence

from benchmarks.diagnosis.sections import counted, counted_twice
from benchmarks.real_faults.others import OTHERS
from benchmarks.real_faults.score import MEASURES, Outcome, sums, sums_of_other
from benchmarks.results_file import table

TITLE = "Real faults: public reports of networks that did not learn, and their repaired twins"


def as_body(outcomes: Sequence[Outcome]) -> str:
    """Return the page without title and provenance."""
    columns = ("source", "fault", "first", "second", "evidence", "right", "twin", "seconds")
    rates = [(name, counted_twice(rate)) for name, rate in sums(outcomes).items()]
    parts = [
        "Intervals of 95 %: [Wilson's] and {a bootstrap over families, cases with the same first cause}.",
        table(("what", "cases"), rates),
        "## Published tools on the same signals",
        "Their rules are reimplemented; one that names a symptom counts as right for each cause that it may "
        "mean.",
        _tools(outcomes),
        "## Cases",
        table(columns, [_row(one) for one in outcomes]),
        "## Missed",
        _missed(outcomes),
        "## Left out: the faulty script learned, or its twin did not",
        ", ".join(one.name for one in outcomes if not one.is_valid) or "None.",
    ]
    return "\n\n".join(parts)


def _tools(outcomes: Sequence[Outcome]) -> str:
    rates = {"Failmap": sums(outcomes)} | {tool: sums_of_other(outcomes, tool) for tool in OTHERS}
    return table(
        ("tool", *MEASURES),
        [(tool, *(counted(by_name[name]) for name in MEASURES)) for tool, by_name in rates.items()],
    )


def _row(one: Outcome) -> tuple[str, ...]:
    first, second, *_ = *one.faulty.causes, "", ""
    return (
        one.case.source,
        one.case.fault,
        first or "silent",
        second,
        (one.faulty.error or one.faulty.evidence).replace("|", "/"),
        "right" if one.is_right(1) else "second" if one.is_right(2) else "**wrong**",
        one.repaired.error or (one.repaired.causes[0] if one.repaired.is_alarm else "silent"),
        f"{one.faulty.seconds:.0f} + {one.repaired.seconds:.0f}",
    )


def _missed(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (
            one.name,
            "fault",
            " or ".join(one.case.causes),
            one.faulty.error or ", ".join(one.faulty.causes[:2]) or "silent",
        )
        for one in outcomes
        if one.is_valid and not one.is_right(2)
    ]
    rows += [
        (one.name, "twin", "silent", one.repaired.error or one.repaired.causes[0])
        for one in outcomes
        if one.is_valid and (one.repaired.is_alarm or one.repaired.error)
    ]
    return table(("case", "of", "right", "verdict"), rows) if rows else "None."
