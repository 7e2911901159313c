"""How a program ends: with its status, or with a line for each mistake."""

from collections.abc import Sequence

import pytest

from failmap.run_folder.errors import UserError, command, nearest


def status_of(main: object) -> object:
    with pytest.raises(SystemExit) as ended:
        command(main)  # type: ignore[arg-type]
    return ended.value.code


def test_a_program_ends_with_what_it_returns() -> None:
    assert status_of(lambda words: 0) == 0
    assert status_of(lambda words: 130) == 130


def test_every_mistake_is_a_line_and_the_status_is_two(capsys: pytest.CaptureFixture[str]) -> None:
    def main(words: Sequence[str]) -> int:
        raise UserError("one", "two")

    assert status_of(main) == 2
    assert capsys.readouterr().err == "error: one\nerror: two\n"


def test_ctrl_c_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main(words: Sequence[str]) -> int:
        raise KeyboardInterrupt

    assert status_of(main) == 130
    assert capsys.readouterr().err == "stopped at once\n"


def test_our_own_mistakes_are_not_hidden() -> None:
    def main(words: Sequence[str]) -> int:
        raise AssertionError("a bug")

    with pytest.raises(AssertionError, match="a bug"):
        command(main)


def test_the_nearest_name_or_else_all_of_them() -> None:
    assert nearest("addin", ["adding", "parity"]) == "; did you mean adding?"
    assert nearest("xyz", ["adding", "parity"]) == "; known: adding, parity"
    assert nearest("xyz", []) == ""
