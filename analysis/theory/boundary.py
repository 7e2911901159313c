"""The line between the cells in which learning is expected and those in which it is not."""

from collections.abc import Sequence

Point = tuple[int, int]
Segment = tuple[Point, Point]


def boundary(expected: Sequence[Sequence[bool | None]]) -> list[Segment]:
    """The edges that part cells in which learning is expected from their neighbours in which it is not.

    Args:
        expected: rows of cells from the bottom up, each from left to right; None: nothing is expected there,
            and no line runs along it.

    Returns:
        Each edge by its two ends, (x, y) in cell coordinates: the cell in column i of row j is the square
        from (i, j) to (i + 1, j + 1). Edges are not interpolated between cells: an axis may hold names.
    """
    segments: list[Segment] = []
    for y, row in enumerate(expected):
        for x, here in enumerate(row):
            right = row[x + 1] if x + 1 < len(row) else None
            above = expected[y + 1][x] if y + 1 < len(expected) else None
            if _part(here, right):
                segments.append(((x + 1, y), (x + 1, y + 1)))
            if _part(here, above):
                segments.append(((x, y + 1), (x + 1, y + 1)))
    return segments


def _part(one: bool | None, other: bool | None) -> bool:
    return one is not None and other is not None and one != other
