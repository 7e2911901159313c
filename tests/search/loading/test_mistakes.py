"""Every mistake is one line with the key, the value and the nearest name, and all are reported at once."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from failmap.run_folder.errors import UserError, run_program
from failmap.search.loading import load


def problems_of(arguments: str) -> Sequence[str]:
    with pytest.raises(UserError) as error:
        load(re.split(r" (?=[\w.]+=|foo)", arguments))
    assert all(problem and "\n" not in problem for problem in error.value.problems)
    return error.value.problems


#: Arguments with one mistake, and what its line contains.
MISTAKES = [
    ("space=lstm_dept", ["space=lstm_dept: ", "did you mean lstm_depth?"]),
    ("space=xyz", ["space=xyz: ", "known: ", "lstm_depth", "supervision"]),
    ("space=nowhere.yaml", ["space=nowhere.yaml: no such file"]),
    ("budget=quik", ["budget=quik: ", "did you mean quick?"]),
    ("cluster=moon", ["cluster=moon: ", "known: local, ray"]),
    ("spcae=lstm_depth", ["spcae=lstm_depth: ", "did you mean space?"]),
    ("depth=3", ["depth=3: ", "did you mean model.depth?"]),
    ("train.learnin_rate=1e-3", ["train.learnin_rate: ", "did you mean train.learning_rate?"]),
    ("train.dropout=0.1", ["train.dropout: ", "did you mean model.dropout?"]),
    ("budget.minuts=3", ["budget.minuts: ", "did you mean budget.minutes?"]),
    ("cluster.retries.lots=3", ["cluster.retries.lots: ", "did you mean cluster.retries.lost?"]),
    ("cluster.retries.lost=x", ["cluster.retries.lost=x: ", "whole number"]),
    ("halving=3", ["halving=3: ", "did you mean halving.factor?"]),
    ("task=additon", ["task=additon: ", "did you mean adding?"]),
    ("model=lstn", ["model=lstn: ", "did you mean lstm?"]),
    ("train.optimizer=adm", ["train.optimizer=adm: ", "adadelta, adafactor, ", "did you mean adam?"]),
    ("train.batch_size=some", ["train.batch_size=some: ", "a whole number or full"]),
    ("keep=learnd", ["keep=learnd: ", "none, learned, all", "did you mean learned?"]),
    ("model.depth=true", ["model.depth=true: ", "whole number"]),
    ("train.learning_rate=-1", ["train.learning_rate=-1: ", "greater than 0"]),
    ("model.dropout=1", ["model.dropout=1: ", "less than 1"]),
    ("task=mnist task.sequence_length=28,1000", ["task.sequence_length=1000: ", "at most 784"]),
    ("model=lstm,gru model.depth=0", ["model.depth=0: ", "at least 1", "lstm"]),
    ("budget.minutes=-5", ["budget.minutes=-5: ", "greater than 0"]),
    ("fail_after_recipes=0", ["fail_after_recipes=0: ", "at least 1"]),
    ("seed=-1", ["seed=-1: ", "at least 0"]),
    ("train.weight_decay=.inf", ["train.weight_decay=.inf: ", "finite"]),
    ("train.weight_decay=inf", ["train.weight_decay=inf: ", "finite"]),
    ("budget.minutes=inf", ["budget.minutes=inf: ", "finite"]),
    ("foo", ["foo: ", "key=value"]),
    ("seed=1 seed=2", ["seed=2: ", "seed=1"]),
    ("model.depth=[1,2", ["model.depth=[1,2: ", "not YAML", "line 1"]),
    ("storage=${HOME}", ["storage=${HOME}: ", "${...}"]),
    ("model.depth=${x}", ["model.depth=${x}: ", "${...}"]),
    ("task.folder=!!python/name:os.system", ["task.folder=!!python/name:os.system: ", "tags"]),
    ("run=a\nb", ["'run=a\\nb': ", "printed"]),
    ("run=../elsewhere", ["run=../elsewhere: ", "letters, digits"]),
    ("run=my run", ["run=my run: ", "letters, digits"]),
    ("task.number_range=4", ["task.number_range: ", "adding", "only of parity, sum_regression"]),
    ("model=gru model.forget_bias=1", ["model.forget_bias: ", "gru", "only of lstm"]),
    ("model=lstm,gru model.forget_bias=1", ["model.forget_bias: ", "gru", "when: {model.name: lstm}"]),
    ("map.y=model.dpth", ["map.y=model.dpth: ", "did you mean model.depth?"]),
    ("model.depth={low: 1, high: 5}", ["map.y=model.depth: ", "range"]),
    ("model.depth.when={train.optimizer: adam}", ["map.y=model.depth: ", "when"]),
    ("task.sequence_length=" + ",".join(map(str, range(2, 2002))), ["map: ", "30,000", "10,000"]),
    ("map.z=model.depth", ["map.z=model.depth: ", "did you mean map.y?"]),
    ("train.learning_rate.low=1 train.learning_rate.high=1e-3", ["train.learning_rate: ", "1.0", "0.001"]),
    ("train.learning_rate.low=1e-4", ["train.learning_rate: ", "low and high"]),
    ("train.learning_rate.points=1", ["train.learning_rate.points=1: ", "at least 2"]),
    ("model.dropout={low: 0, high: 0.5, log: true}", ["model.dropout: ", "log", "0.0"]),
    ("train.learning_rate={low: 0.01, high: 0.1}", ["train.learning_rate: ", "0.003", "0.01 to 0.1"]),
    (
        "train.learning_rate={low: 1e-4, hihg: 1e-1}",
        ["rate.hihg: ", "did you mean train.learning_rate.high?"],
    ),
    ("train.momentum={values: [0.9], when: {train.optimiser: sgd}}", ["train.momentum.when: ", "optimizer?"]),
    ("train.momentum={values: [0.9], when: {train.optimizer: sdg}}", ["train.optimizer=sdg: ", "mean sgd?"]),
    (
        "train.momentum={values: [0, 0.9], when: {train.optimizer: sgd}} "
        "train.optimizer={values: [adam, sgd], when: {train.momentum: 0.9}}",
        ["train.momentum, train.optimizer: ", "when"],
    ),
    ("train.optimizer=adam,sgd train.momentum=0.0,0.9", ["train.momentum ", "adam", "train.momentum=0.9)"]),
    ("train.max_updates=20", ["train.evaluate_every=50 ", "train.max_updates=20"]),
    ("output={loss: mse},{loss: bce}", ["output.loss=bce ", "output.activation=sigmoid", "{loss: bce})"]),
    ("output={los: mse}", ["output.los: ", "did you mean output.loss?"]),
    ("output={loss: mse},{loss: huber} output.loss=mse", ["output.loss: ", "the axis output", "mse"]),
    ("task=parity task.test_size=20", ["task.test_size=20 ", "0.99", "task.test_size=32"]),
    ("model.depth=1,2,1", ["model.depth: ", "twice"]),
    ("model=lstm model.name=gru", ["model.name: ", "model=lstm", "model.name=gru"]),
    ("train={schedule: step} train.schedule=cosine", ["train.schedule: ", "{schedule: step}", "cosine"]),
    ("cluster.retries={lost: 3} cluster.retries.error=2", ["cluster.retries.error=2: ", "as a whole"]),
    ("budget.seeds=10 budget.max_seeds=4", ["budget.max_seeds=4: ", "budget.seeds=10"]),
    ("budget.max_seeds=2", ["budget.max_seeds=2: ", "budget.seeds=6"]),
    ("cluster.cpus=2 cluster.cpus_per_trial=4", ["cluster.cpus_per_trial=4: ", "cluster.cpus=2"]),
    ("cluster.cpus=2 cluster.address=auto", ["cluster.cpus=2: ", "cluster.address=auto"]),
    ("cluster.resources_per_trial={GPU: 2}", ["resources_per_trial={GPU: 2}: ", "cluster.gpus_per_trial"]),
    ("halving.factor=4", ["halving.factor: ", "pruner=halving"]),
    ("criterion.in_a_row=90 model.depth=1", ["criterion.in_a_row=90: ", "20 evaluations"]),
    # Too many combinations to try: pairs are.
    (
        "space=best_lstm train.max_updates=600,100 train.evaluate_every=50,100 criterion.in_a_row=2",
        ["criterion.in_a_row=2: ", "with train.max_updates=100 train.evaluate_every=100"],
    ),
]


@pytest.mark.parametrize(("arguments", "parts"), MISTAKES)
def test_one_mistake(arguments: str, parts: list[str]) -> None:
    (problem,) = problems_of(arguments)
    assert all(part in problem for part in parts), problem


#: Arguments with several mistakes, and the beginning of each line.
SEVERAL = [
    ("model.depth=0,1,1.5,deep", ["model.depth=0: ", "model.depth=1.5: ", "model.depth=deep: "]),
    ("train.optimizer={low: 1, high: 2}", ["train.optimizer=1: ", "train.optimizer=2: "]),
    ("model.depth= task={} model=[]", ["model.depth=: ", "task={}: ", "model=[]: "]),
    ("output=1,2", ["output=1: ", "output=2: "]),
    ("map.y=task.sequence_length", ["map.x=task.sequence_length: ", "map.y=task.sequence_length: "]),
    ("space=supervision task=mnist", ["map.y=task.supervision: ", "map.facet=task.length_distribution: "]),
    ("budget.minutes=-5 budget.seeds=0", ["budget.minutes=-5: ", "budget.seeds=0: "]),
    (
        "model=lstn model.dpth=3 train.optimizer=adm",
        ["model=lstn: ", "train.optimizer=adm: ", "model.dpth: "],
    ),
    (
        "spcae=x task=ading train.optimizer=adm model.depth=0 budget.minuts=3 foo",
        ["foo: ", "spcae=x: ", "task=ading: ", "train.optimizer=adm: ", "model.depth=0: ", "budget.minuts: "],
    ),
]


@pytest.mark.parametrize(("arguments", "beginnings"), SEVERAL)
def test_all_mistakes_at_once(arguments: str, beginnings: list[str]) -> None:
    problems = sorted(problems_of(arguments))
    assert len(problems) == len(beginnings), problems
    for problem, beginning in zip(problems, sorted(beginnings), strict=True):
        assert problem.startswith(beginning)


def test_representative_messages(snapshot: SnapshotAssertion) -> None:
    """Pin the text of a few messages, most of which translate pydantic's errors."""
    arguments = (
        "spcae=x task.number_range=4 train.optimizer=adm model.depth=0,deep train.batch_size=some "
        "model.dropout={low: 0, high: 0.5, log: true} cluster.retries.lost=x budget.minuts=3 foo"
    )
    assert "\n".join(problems_of(arguments)) == snapshot


def test_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["model.depth=0", "budget.minuts=3"]
    assert run_program(lambda arguments: int(bool(load(arguments))), arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["error", "model.depth=0"],
        ["error", "budget.minuts"],
    ]


#: A space's file, and the beginning of each line about it.
SPACES = [
    ("", ["map.x: ", "map.y: ", "model: is missing; known: rnn, ", "task: is missing; known: parity, "]),
    ("[1, 2]", ["space=mine.yaml: holds no mapping"]),
    ("map: {x: [", ["space=mine.yaml: not YAML: "]),
    (
        "{task: adding, model: lstm, maps: {}, axes: {}}",
        ["map.x: ", "map.y: ", "space mine.yaml: maps: unknown key; did you mean map?"],
    ),
    ("{task: adding, model: lstm}", ["map.x: ", "map.y: "]),
    (
        "{task: adding, model: lstm, map: {x: task.sequence_length, y: model.deep}, "
        "axes: {task.sequence_length: [5, 10], model.deep: [1, 2]}}",
        ["space mine.yaml: axes: model.deep: no trial has this; did you mean model.depth?"],
    ),
    (
        "{task: adding, model: lstm, map: {x: task.sequence_length, y: model.depth}, "
        "axes: {task.sequence_length: [5], model.depth: [1]}, fixed: {model.depth: 2, train.optimizer: adm}}",
        [
            "space mine.yaml: fixed: train.optimizer=adm: must be one of ",
            "space mine.yaml: model.depth: is set under fixed and under axes: ",
        ],
    ),
    (
        "{task: adding, model: lstm, map: {x: task.sequence_length, y: model.depth}, "
        "axes: {task.sequence_length: [5], model.depth: [1], model.name: [gru, rnn]}}",
        ["space mine.yaml: model.name: is set as model: and under axes: "],
    ),
    ("{map: {x: task.sequence_length, y: model.depth}, axes: {model.depth: [1]}}", ["model: ", "task: "]),
    (
        "{task: [1], model: {a: 1}, map: 3, axes: [1], fixed: x, fail_after_recipes: 0}",
        [
            *(
                "fail_after_recipes=0: ",
                "map.x: ",
                "map.y: ",
                "model={a: 1}: no such model",
                "task=1: no such task",
            ),
            *("space mine.yaml: axes: ", "space mine.yaml: fixed: ", "space mine.yaml: map: "),
        ],
    ),
    ("a: &a [1, 2]\nb: *a\n", ["space=mine.yaml: the alias *a"]),
    ("axes: " + "[" * 500 + "]" * 500, ["space=mine.yaml: nested deeper than 20 levels"]),
    ("question: " + "a" * 1_000_000, ["space=mine.yaml: longer than 1,000,000 characters"]),
    (b"\xff\xfe\x00", ["space=mine.yaml: not a text in UTF-8"]),
]


@pytest.mark.parametrize(("content", "beginnings"), SPACES, ids=range(len(SPACES)))
def test_space_file(
    content: str | bytes, beginnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = sorted(problems_of("space=mine.yaml"))
    assert len(problems) == len(beginnings), problems
    for problem, beginning in zip(problems, sorted(beginnings), strict=True):
        assert problem.startswith(beginning)


def test_budget_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("{minuts: 3, seeds: 0}")
    assert [line.removeprefix(f"budget={path}: ") for line in problems_of(f"budget={path}")] == [
        "budget.seeds=0: must be at least 1",
        "budget.minuts: unknown key; did you mean budget.minutes?",
    ]
