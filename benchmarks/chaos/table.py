"""The table of faults and their effects."""

from collections.abc import Sequence

from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.tally import Tally
from benchmarks.results_file import table

COLUMNS = (
    "fault", "tried", "trials lost", "trials repeated", "decisions differing", "histories differing",
    "seconds",
)  # fmt: skip


def table_of(tallies: Sequence[Tally]) -> str:
    """Return Markdown with a row for each fault, followed by the remarks."""
    rows = [
        (
            FAULTS[each.fault].what if each.fault in FAULTS else each.fault,
            *(each.tried, each.lost, each.repeated, each.decisions, each.histories),
            f"{each.seconds:.0f}",
        )
        for each in tallies
    ]
    remarks = [f"- {each.fault}: {remark}" for each in tallies for remark in each.remarks]
    return "\n".join([table(COLUMNS, rows), "", "Remarks:", "", *(remarks or ["- none"])])
