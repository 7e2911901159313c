"""Programs exit with their own status, or with one line for each mistake."""

from collections.abc import Sequence

import pytest

from failmap.run_folder.errors import UserError, nearest, run_program


@pytest.mark.parametrize("status", [0, 130])
def test_status_of_main_is_returned(status: int) -> None:
    assert run_program(lambda arguments: status + len(arguments), []) == status


def test_every_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main(arguments: Sequence[str]) -> int:
        raise UserError(*arguments)

    assert run_program(main, ["one", "two"]) == 2
    assert capsys.readouterr().err == "error: one\nerror: two\n"


def test_ctrl_c_shows_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main(arguments: Sequence[str]) -> int:
        raise KeyboardInterrupt

    assert run_program(main, []) == 130
    assert capsys.readouterr().err == "stopped at once\n"


def test_bugs_keep_their_traceback() -> None:
    def main(arguments: Sequence[str]) -> int:
        raise AssertionError("a bug")

    with pytest.raises(AssertionError, match="a bug"):
        run_program(main, [])


def test_nearest_name() -> None:
    assert nearest("addin", ["adding", "parity"]) == "; did you mean adding?"
    assert nearest("xyz", ["adding", "parity"]) == "; known: adding, parity"
    assert nearest("xyz", []) == ""
