"""The table of faults: what was tried and what it cost."""

from collections.abc import Sequence

from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.tally import Tally

HEAD = (
    "| fault | tried | trials lost | trials repeated | decisions differing | histories differing | seconds |",
    "|---|---|---|---|---|---|---|",
)


def table_of(tallies: Sequence[Tally]) -> str:
    """Markdown: a row a fault, and below it whatever else is to be remarked."""
    rows = [
        f"| {FAULTS[each.fault].what if each.fault in FAULTS else each.fault} | {each.tried} | {each.lost} "
        f"| {each.repeated} | {each.decisions} | {each.histories} | {each.seconds:.0f} |"
        for each in tallies
    ]
    remarks = [f"- {each.fault}: {remark}" for each in tallies for remark in each.remarks]
    return "\n".join([*HEAD, *rows, "", "Remarks:", "", *(remarks or ["- none"])])
