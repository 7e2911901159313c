"""The edge between learning and failing cells of a map, and how far fixes move it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from failmap.analysis.diagnosis import CONTROLS
from failmap.analysis.interventions.comparisons import Comparison
from failmap.analysis.load import CellKey, Run
from failmap.analysis.verdict import judge
from failmap.run_folder.records import NO_EVIDENCE, TrialRecord
from failmap.run_folder.wording import is_scale, label_display, label_text, quantity, setting_display


@dataclass(frozen=True)
class Edge:
    """One row or column of the map in which a fix moved the edge between learning and failing cells.

    Attributes:
        path: Path of the axis along which it moved.
        row: Labels of the other axes by path.
        before: Last label at which cells learn without the fix; None if there is none.
        after: Last label at which cells learn without or with the fix.
        at: Last of these labels at which cells learn with the fix only.
        evidence: The comparison at that label.
    """

    path: str
    row: Mapping[str, str]
    before: str | None
    after: str
    at: str
    evidence: Comparison

    @property
    def sentence(self) -> str:
        """Return 'layer norm: at depth 5 it learns up to sequence length 100 instead of 10; ...'."""
        row = ", ".join(setting_display(path, label) for path, label in self.row.items())
        before = "nowhere" if self.before is None else label_display(self.path, self.before)
        pairs = self.evidence.pairs
        seeds = f"{pairs.after.learned} of {quantity(pairs.after.trials, 'seed')}"
        return (
            f"{self.evidence.words}: at {row} it learns up to {setting_display(self.path, self.after)} "
            f"instead of {before}; {seeds} at {label_display(self.path, self.at)}, "
            f"was {pairs.before.learned} of {pairs.before.trials} (exact paired test: p={pairs.p_value:.3g})"
        )


def moved_edges(run: Run, comparisons: Sequence[Comparison]) -> list[Edge]:
    """Return every row and column, along an axis of several numbers, in which a fix moved the edge.

    The edge is the last label of the unbroken sequence of cells, from the smallest label up, that learn
    without or with the fix. A cell in which neither was observed breaks the sequence, even if the fix was not
    tried there. Controls move no edge, since they change the task.

    Args:
        run: The run, which has the cells that learn without a fix.
        comparisons: The fixes that were tried (see `rescue_comparisons`).
    """
    learning = _learning_cells(run)
    axes = enumerate((run.config.x, run.config.y))
    return [edge for axis, path in axes for edge in _edges_along(run, axis, path, comparisons, learning)]


def _edges_along(
    run: Run, axis: int, path: str, comparisons: Sequence[Comparison], learning: set[CellKey]
) -> Iterator[Edge]:
    """Yield the edges that moved along one axis of the map."""
    values = run.config.map_values[path]
    if len(values) < 2 or not is_scale(values):
        return
    labels = [label_text(value) for value in sorted(values)]
    other_paths = [other for other in run.config.map_paths if other != path]
    for others, working in _working_by_row(comparisons, axis):
        learns = [(*others[:axis], label, *others[axis:]) in learning for label in labels]
        before = _num_leading(learns)
        after = _num_leading(was or label in working for was, label in zip(learns, labels, strict=True))
        if after > before:
            at = next(index for index in reversed(range(after)) if not learns[index])
            yield Edge(
                path=path,
                row=dict(zip(other_paths, others, strict=True)),
                before=labels[before - 1] if before else None,
                after=labels[after - 1],
                at=labels[at],
                evidence=working[labels[at]],
            )


def _working_by_row(
    comparisons: Sequence[Comparison], axis: int
) -> Iterator[tuple[CellKey, dict[str, Comparison]]]:
    """Yield, per row and fix, the labels of the other axes and the comparisons that learn by label."""
    rows: dict[tuple[str, str, CellKey], dict[str, Comparison]] = defaultdict(dict)
    for one in sorted(comparisons, key=lambda one: one.pairs.after.interval.low):
        if one.pairs.after.interval.is_above_half and one.name not in CONTROLS:
            others = (*one.cell[:axis], *one.cell[axis + 1 :])
            rows[one.on_top_of, one.name, others][one.cell[axis]] = one
    for (_, _, others), working in rows.items():
        yield others, working


def _num_leading(flags: Iterable[bool]) -> int:
    """Return the number of true values before the first false one."""
    return len(list(takewhile(bool, flags)))


def _learning_cells(run: Run) -> set[CellKey]:
    """Return the cells that learn without a fix."""
    results: dict[CellKey, list[TrialRecord]] = defaultdict(list)
    for record in run.records:
        if record.purpose not in NO_EVIDENCE:
            results[run.cell_key(record.cell)].append(record)
    return {cell for cell, mine in results.items() if judge(mine).state == "learns"}
