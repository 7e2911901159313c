"""Names of runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.search.loading import load
from failmap.search.new_run import MAX_LENGTH, generate_run_name, name_problem


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], "lstm_depth"),
        (["space=smoke"], "smoke"),
        (["task=adding", "budget.minutes=7", "train.clip_norm=1.0"], "lstm_depth"),
        (["model.depth=1,2", "task=parity", "seed=3"], "lstm_depth-parity-depth_1_2-seed_3"),
        (["train.learning_rate=1e-3"], "lstm_depth-learning_rate_1e-3"),
    ],
)
def test_a_name_says_what_differs_from_the_default(
    words: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(words).run == name


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    for name in ("smoke", "smoke-2"):
        (tmp_path / name).mkdir()
    assert generate_run_name("smoke", [], tmp_path) == "smoke-3"


@given(
    space=st.text(max_size=20),
    differences=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=100)), max_size=10),
)
def test_any_made_up_name_is_a_good_one(space: str, differences: list[tuple[str, str]]) -> None:
    name = generate_run_name(space, differences, Path("no-such-folder"))
    assert name_problem(name) is None
    assert len(name) < MAX_LENGTH


def test_long_names_that_differ_late_differ_still() -> None:
    first, second = (generate_run_name("s", [("model.depth", "1," * 60 + end)], Path("none")) for end in "78")
    assert first != second


@pytest.mark.parametrize("name", ["", "..", "a/b", "a..b", ".hidden", "-flag", "a b", "é", "x" * 81])
def test_what_cannot_be_a_name(name: str) -> None:
    assert name_problem(name) is not None
