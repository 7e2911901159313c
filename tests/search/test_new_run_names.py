"""Names of runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.paths import MAX_LENGTH, name_problem
from failmap.search.loading import load
from failmap.search.new_run import generate_run_name


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
def test_name_lists_changed_settings(
    words: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(words).run == name


def test_taken_name_gets_a_number(tmp_path: Path) -> None:
    for name in ("smoke", "smoke-2"):
        (tmp_path / name).mkdir()
    assert generate_run_name("smoke", [], tmp_path) == "smoke-3"


@given(
    space=st.text(max_size=20),
    differences=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=100)), max_size=10),
)
def test_generated_names_are_valid(space: str, differences: list[tuple[str, str]]) -> None:
    name = generate_run_name(space, differences, Path("no-such-folder"))
    assert name_problem(name) is None
    assert len(name) < MAX_LENGTH


def test_long_names_stay_distinct() -> None:
    first, second = (generate_run_name("s", [("model.depth", "1," * 60 + end)], Path("none")) for end in "78")
    assert first != second


@pytest.mark.parametrize("name", ["", "..", "a/b", "a..b", ".hidden", "-flag", "a b", "é", "x" * 81])
def test_invalid_names(name: str) -> None:
    assert name_problem(name) is not None
