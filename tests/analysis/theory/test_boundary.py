"""The line runs between cells of different expectation, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from failmap.analysis.theory.boundary import boundary

Y, N = True, False


def test_a_step_upwards() -> None:
    # Bottom row: learns in three columns; the row above it in one.
    line = boundary([[Y, Y, Y], [Y, N, N]])
    assert set(line) == {((1, 1), (1, 2)), ((1, 1), (2, 1)), ((2, 1), (3, 1))}


def test_no_line_around_a_map_of_one_kind_nor_along_what_is_not_foretold() -> None:
    assert boundary([[Y, Y], [Y, Y]]) == []
    assert boundary([[Y, None, N]]) == []
    assert boundary([]) == []


def test_a_single_row() -> None:
    assert boundary([[Y, N, Y]]) == [((1, 0), (1, 1)), ((2, 0), (2, 1))]


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_each_edge_parts_two_cells_and_all_that_do_are_there(
    width: int, height: int, data: st.DataObject
) -> None:
    rows = [[data.draw(st.booleans()) for _ in range(width)] for _ in range(height)]
    line = boundary(rows)
    assert len(set(line)) == len(line)
    num_parted = sum(row[x] != row[x + 1] for row in rows for x in range(width - 1))
    num_parted += sum(rows[y][x] != rows[y + 1][x] for y in range(height - 1) for x in range(width))
    assert len(line) == num_parted
    for (x, y), (x_end, y_end) in line:
        one, other = (rows[y][x - 1], rows[y][x]) if x == x_end else (rows[y - 1][x], rows[y][x])
        assert one != other
        assert (x_end - x) + (y_end - y) == 1
