"""Records and histories are read back as written, and files are always complete."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.parsing import parse, parse_values
from failmap.run_folder.records import Evaluation, Summary, TrialRecord, Values, read_history
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


#: JSON of numbers within and out of bounds, in every notation.
NUMBER_TEXTS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][-+]?[0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["1e999", "-1E999", "1e+999", "-1E+400", "1e0309", "1" + "0" * 400, "-0", "[[1e+999]]"]),
    st.integers(-(2**63) - 2, 2**63 + 1).map(str),
    st.sampled_from([str(edge + step) for edge in (-(2**63), 2**63) for step in (-1, 0, 1)]),
    FINITE.map(repr),
)
LINE = (
    '{"update":1,"seconds":1.0,"train_loss":%s,"validation_loss":null,"metric":0.5,"score":0.5,"signals":%s}'
)


@given(NUMBER_TEXTS | st.just("null"), st.text(max_size=5), NUMBER_TEXTS, st.sampled_from(["", " ", "\t"]))
def test_fast_check_of_a_line_decides_as_the_full_one(loss: str, name: str, number: str, space: str) -> None:
    def checked_fully(line: str) -> Evaluation:
        evaluation = parse(Evaluation, line, "an evaluation")
        parse_values(Values, evaluation.signals, "signals")
        return evaluation

    def found(read: Callable[[str], Evaluation]) -> str:
        """The evaluation as text, for 1 is not 1.0, nor 0.0 the same as -0.0; or the error."""
        try:
            return repr(read(line))
        except ValueError as error:
            return f"refused: {error}"

    line = LINE % (loss, f"{{{json.dumps(name, ensure_ascii=False)}:{space}[null,{space}{number}]}}")
    assert found(Evaluation.from_line) == found(checked_fully)


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"update": 1}', '{"update": 1, "what": 2}'])
def test_invalid_evaluation_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Evaluation.from_line(line)


@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", "-1e999", '"\\ud800"', "[[1e999]]", '{"a": NaN}', "[" * 9_999]
)
def test_invalid_value_is_refused_anywhere(value: str) -> None:
    valid = Evaluation(1, 0.5, 0.1, 0.2, 0.3, 0.4, {"norm": 1.5}).to_line()
    assert Evaluation.from_line(valid).signals == {"norm": 1.5}
    for number in ("1.5", "0.2", "0.4"):
        with pytest.raises(ValueError, match=r"."):
            Evaluation.from_line(valid.replace(number, value))


def test_record_round_trip() -> None:
    assert TrialRecord.from_json(RECORD.to_json()) == RECORD
    ended = replace(RECORD, summary=Summary("failed", "update budget spent", updates=10, target_score=0.95))
    read = TrialRecord.from_json(ended.to_json())
    assert read.summary is not None
    assert (read.summary.reason, read.summary.target_score) == ("update budget spent", 0.95)
    assert math.isnan(read.summary.chance_loss), "null in JSON"


@given(st.lists(EVALUATIONS, max_size=4), st.data())
def test_torn_history_is_read_up_to_its_last_complete_line(
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


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
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
