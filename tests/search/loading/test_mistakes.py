"""Every mistake is told in one line with the nearest right thing, all of them together."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from failmap.run_folder.errors import UserError
from failmap.search.loading import load

MISTAKES = {
    "unknown space": ["space=lstm_dept"],
    "unknown space far from any": ["space=xyz"],
    "a space's file that is not there": ["space=nowhere.yaml"],
    "unknown budget and cluster": ["budget=quik", "cluster=moon"],
    "unknown key": ["spcae=lstm_depth"],
    "unknown key without its group": ["depth=3"],
    "unknown key of a trial": ["train.learnin_rate=1e-3"],
    "key in the wrong group": ["train.dropout=0.1"],
    "unknown key of the budget": ["budget.minuts=3"],
    "a group without its key": ["halving=3"],
    "unknown task": ["task=additon"],
    "unknown network": ["model=lstn"],
    "bad name": ["train.optimizer=adm"],
    "bad values on an axis": ["model.depth=0,1,1.5,deep"],
    "true is no number": ["model.depth=true"],
    "out of range": ["train.learning_rate=-1", "model.dropout=1"],
    "out of range of the task": ["task=mnist", "task.sequence_length=28,1000"],
    "negative budget": ["budget.minutes=-5", "budget.seeds=0"],
    "negative seed": ["seed=-1"],
    "infinite": ["train.weight_decay=.inf"],
    "no word": ["foo"],
    "no value": ["model.depth=", "task={}", "model=[]"],
    "twice": ["seed=1", "seed=2"],
    "not YAML": ["model.depth=[1,2"],
    "interpolation": ["storage=${HOME}", "model.depth=${x}"],
    "a tag": ["task.folder=!!python/name:os.system"],
    "a character of no print": ["run=a\nb"],
    "run's name with slashes": ["run=../elsewhere"],
    "run's name with blanks": ["run=my run"],
    "setting of another task": ["task.number_range=4"],
    "setting that only some have": ["model=lstm,gru", "model.forget_bias=1.0"],
    "map axis that is none": ["map.y=model.dpth"],
    "map axis twice": ["map.y=task.sequence_length"],
    "map axis as a range": ["model.depth={low: 1, high: 5}"],
    "map axis with a condition": ["model.depth.when={train.optimizer: adam}"],
    "map axis that the task lacks": ["space=supervision", "task=mnist"],
    "map too large": ["task.sequence_length=" + ",".join(map(str, range(2, 2002)))],
    "unknown part of the map": ["map.z=model.depth"],
    "range upside down": ["train.learning_rate.low=1", "train.learning_rate.high=1e-3"],
    "range without its end": ["train.learning_rate.low=1e-4"],
    "range from zero on a log scale": ["model.dropout={low: 0, high: 0.5, log: true}"],
    "range of names": ["train.optimizer={low: 1, high: 2}"],
    "default outside": ["train.learning_rate={low: 0.01, high: 0.1}"],
    "unknown part of an axis": ["train.learning_rate={low: 1e-4, hihg: 1e-1}"],
    "unknown condition": ["train.momentum={values: [0.9], when: {train.optimiser: sgd}}"],
    "conditions in a circle": [
        "train.momentum={values: [0.0, 0.9], when: {train.optimizer: sgd}}",
        "train.optimizer={values: [adam, sgd], when: {train.momentum: 0.9}}",
    ],
    "impossible combination": ["train.optimizer=adam,sgd", "train.momentum=0.0,0.9"],
    "impossible everywhere": ["train.max_updates=20"],
    "impossible joint choice": ["output={loss: mse},{loss: bce}"],
    "joint choice with a wrong field": ["output={los: mse}"],
    "joint choice of plain values": ["output=1,2"],
    "set by two": ["output={loss: mse},{loss: huber}", "output.loss=mse"],
    "within chance's reach": ["task=parity", "task.test_size=20"],
    "value twice": ["model.depth=1,2,1"],
    "many at once": [
        "spcae=x",
        "task=ading",
        "train.optimizer=adm",
        "model.depth=0",
        "budget.minuts=3",
        "foo",
    ],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_words(name: str, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(UserError) as told:
        load(MISTAKES[name])
    assert "\n".join(told.value.problems) == snapshot
    assert all("\n" not in problem for problem in told.value.problems)


SPACES = {
    "empty": "",
    "a list": "[1, 2]",
    "not YAML": "map: {x: [",
    "misspelled": "{task: adding, model: lstm, maps: {}, axes: {}}",
    "no axes": "{task: adding, model: lstm}",
    "axes of no trial": (
        "{task: adding, model: lstm, map: {x: task.sequence_length, y: model.deep}, "
        "axes: {task.sequence_length: [5, 10], model.deep: [1, 2]}}"
    ),
    "axis and fixed": (
        "{task: adding, model: lstm, map: {x: task.sequence_length, y: model.depth}, "
        "axes: {task.sequence_length: [5], model.depth: [1]}, fixed: {model.depth: 2, train.optimizer: adm}}"
    ),
    "nothing chosen": "{map: {x: task.sequence_length, y: model.depth}, axes: {model.depth: [1]}}",
    "wrong kinds": "{task: [1], model: {a: 1}, map: 3, axes: [1], fixed: x, fail_after_recipes: 0}",
    "aliases": "a: &a [1, 2]\nb: *a\n",
    "nested without end": "axes: " + "[" * 500 + "]" * 500,
}


@pytest.mark.parametrize("name", SPACES)
def test_a_space_of_ones_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(SPACES[name])
    with pytest.raises(UserError) as told:
        load(["space=mine.yaml"])
    assert "\n".join(told.value.problems) == snapshot


def test_a_file_of_a_million_letters_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text("question: " + "a" * 1_000_000)
    with pytest.raises(UserError, match="longer than 1,000,000 characters"):
        load([f"space={tmp_path / 'long.yaml'}"])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a text in UTF-8"):
        load([f"space={tmp_path / 'binary.yaml'}"])
