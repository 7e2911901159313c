"""Records and histories are read as they were written, and a failed write changes nothing."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.records import Evaluation, Summary, TrialRecord, read_history
from failmap.run_folder.storage import write_atomically
from failmap.run_folder.storage.local import cut_torn_line

FINITE = st.floats(allow_nan=False, allow_infinity=False)
EVALUATIONS = st.builds(
    Evaluation,
    update=st.integers(1, 10**9),
    seconds=FINITE,
    train_loss=st.none() | FINITE,
    validation_loss=st.none() | FINITE,
    metric=st.none() | FINITE,
    score=st.floats(-1, 1),
    signals=st.dictionaries(st.text(), st.lists(st.none() | FINITE)),
)
RECORD = TrialRecord(
    number=3,
    attempt=2,
    config={"task": {"name": "adding"}},
    cell={"model.depth": 2},
    recipe={"train.learning_rate": 3e-3},
    recipe_index=0,
    purpose="default",
    seed=1,
    started="2026-01-01T00:00:00+00:00",
)


@given(EVALUATIONS)
def test_evaluation_round_trip(evaluation: Evaluation) -> None:
    line = evaluation.to_line()
    assert "\n" not in line
    assert Evaluation.from_line(line) == evaluation


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"update": 1}', '{"update": 1, "what": 2}'])
def test_invalid_evaluation_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Evaluation.from_line(line)


@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", "-1e999", '"\\ud800"', "[[1e999]]", '{"a": NaN}', "[" * 9_999]
)
def test_values_that_no_table_holds_are_refused(value: str) -> None:
    usual = Evaluation(1, 0.5, 0.1, 0.2, 0.3, 0.4, {"norm": 1.5}).to_line()
    assert Evaluation.from_line(usual).signals == {"norm": 1.5}
    for number in ("1.5", "0.2", "0.4"):
        with pytest.raises(ValueError, match=r"."):
            Evaluation.from_line(usual.replace(number, value))


def test_record_round_trip() -> None:
    assert TrialRecord.from_json(RECORD.to_json()) == RECORD
    ended = replace(RECORD, summary=Summary("failed", "update budget spent", updates=10, target_score=0.95))
    read = TrialRecord.from_json(ended.to_json())
    assert read.summary is not None
    assert (read.summary.reason, read.summary.target_score) == ("update budget spent", 0.95)
    assert math.isnan(read.summary.chance_loss), "JSON has no NaN: null is read as NaN"


@given(st.lists(EVALUATIONS, max_size=4), st.data())
def test_torn_history_is_read_to_its_last_whole_line(
    tmp_path_factory: pytest.TempPathFactory, evaluations: list[Evaluation], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    whole = "".join(f"{evaluation.to_line()}\n" for evaluation in evaluations).encode()
    torn = whole[: data.draw(st.integers(0, len(whole)))]
    path.write_bytes(torn)
    kept = torn.count(b"\n")
    assert list(read_history(path)) == evaluations[:kept]
    assert cut_torn_line(path) == len(torn) - (torn.rfind(b"\n") + 1)
    assert list(read_history(path)) == evaluations[:kept]


def test_corrupt_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    line = Evaluation(1, 0.0, None, None, None, 0.0).to_line()
    path.write_text(f"{line}\nnonsense\n{line}\n")
    with pytest.raises(ValueError, match=r"history\.jsonl, line 2"):
        list(read_history(path))


def test_failed_write_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    blocked = tmp_path / "folder"
    (blocked / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"."):
        write_atomically(blocked, "text")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
