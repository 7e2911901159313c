"""The results page: the table of costs, the memory, and what was left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.results_file import table
from benchmarks.watching.in_turn import BLOCK
from benchmarks.watching.memory import Growth

TITLE = "What failmap.watch costs, beside the bare loop and other tools"
_COLUMNS = (
    "network",
    "loop",
    "steps",
    "bare step, ms",
    "between looks",
    "looks",
    "all steps",
    "closing",
    "with closing",
)


def as_body(
    rows: Sequence[Mapping[str, Any]], memory: Mapping[str, Growth], steps: int, failed: Mapping[str, str]
) -> str:
    """Return the page in Markdown.

    Args:
        rows: What `benchmarks.watching.part` printed.
        memory: Growth of the resident memory by what was trained.
        steps: Of the trainings whose memory was measured.
        failed: Reasons of parts that could not be run, by their names.
    """
    parts = [_REMARKS, table(_COLUMNS, [_cells(row) for row in rows])]
    if memory:
        parts += ["## Memory", _MEMORY.format(steps=steps), table(_MEMORY_COLUMNS, _memory_cells(memory))]
    if failed:
        parts += ["## Not run", "\n".join(f"- {name}: {reason}" for name, reason in failed.items())]
    return "\n\n".join(parts)


def _cells(row: Mapping[str, Any]) -> list[str]:
    looks = row["looks"]
    return [
        row["network"],
        row["name"],
        f"{row['steps']:,}",
        f"{1e3 * row['bare']:.2f}",
        _share(*row["between"]),
        f"{looks[0]} in {looks[1]:.2f} s" if looks else "",
        _share(*row["whole"]),
        f"{row['closing_seconds']:.2f} s" if row["closing_seconds"] > _LEAST_CLOSING else "",
        f"{100 * (row['whole'][0] + row['closing']):.1f} %",
    ]


def _share(value: float, low: float, high: float) -> str:
    return f"{100 * value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _memory_cells(memory: Mapping[str, Growth]) -> list[list[str]]:
    return [
        [
            name,
            f"{one.start:.1f}",
            f"{one.end:.1f}",
            "{:.2f} [{:.2f}, {:.2f}]".format(*one.slope),
        ]
        for name, one in memory.items()
    ]


#: Seconds below which an end is nothing.
_LEAST_CLOSING = 0.001
_MEMORY_COLUMNS = ("training", "MB after the warm-up", "MB at the end", "bytes a step")
_MEMORY = (
    "A tiny LSTM for {steps:,} steps, each training in a process of its own: a process has one resident "
    "size. The first fifth is left out. The slope is that of least squares, with a bootstrap of blocks of "
    "residuals."
)
_REMARKS = (
    "LSTM of layers x units, 50 steps, batch 64, Adam, one thread. All loops of a part run in turn in one "
    f"process, {BLOCK} steps at a time, in an order reversed each time: so they share the state of the "
    "machine and of the process, which differ by more than the watch costs. CPU seconds are compared, since "
    "the machine is busy with other work. The watch's own clock runs only while its loop runs: looks are "
    "granted a share of the time since the start.\n\n"
    '"Between looks" is the median of the pairs of blocks without a look; "all steps" is the sum over all '
    "blocks, looks and everything that the watch writes included; intervals of 95 % are those of a bootstrap "
    "over pairs of blocks. The seconds of the looks do not contain the hooks that run within the loop's own "
    'passes; "all steps" does. Closing is tests of the examples, verdict and files, once. The first row of '
    "each network compares the bare loop with itself."
)
