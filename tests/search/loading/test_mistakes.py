"""Every mistake is one line with the key, the value and the nearest name, and all are reported at once."""

import pytest

from failmap.run_folder.errors import UserError
from failmap.search.loading import load


def problems_of(*arguments: str) -> list[str]:
    with pytest.raises(UserError) as error:
        load(arguments)
    assert all(problem and "\n" not in problem for problem in error.value.problems)
    return list(error.value.problems)


CIRCLE = (
    "train.momentum={values: [0.0, 0.9], when: {train.optimizer: sgd}}",
    "train.optimizer={values: [adam, sgd], when: {train.momentum: 0.9}}",
)
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
    ("train.batch_size=some", ["train.batch_size=some: ", "whole number", "full"]),
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
    ("run=my\N{NO-BREAK SPACE}run", ["run=my\\xa0run", "printed"]),
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
    ("train.learning_rate={low: 1e-4, hihg: 1e-1}", ["rate.hihg: ", "did you mean train.learning_rate.high?"]),
    ("train.momentum={values: [0.9], when: {train.optimiser: sgd}}", ["train.momentum.when: ", "optimizer?"]),
    ("train.momentum={values: [0.9], when: {train.optimizer: sdg}}", ["train.optimizer=sdg: ", "mean sgd?"]),
    (CIRCLE, ["train.momentum, train.optimizer: ", "when"]),
    ("train.optimizer=adam,sgd train.momentum=0.0,0.9", ["train.momentum ", "adam", "train.momentum=0.9)"]),
    ("train.max_updates=20", ["train.evaluate_every=50 ", "train.max_updates=20"]),
    ("output={loss: mse},{loss: bce}", ["output.loss=bce ", "output.activation=sigmoid", "{loss: bce})"]),
    ("output={los: mse}", ["output.los: ", "did you mean output.loss?"]),
    ("output={loss: mse},{loss: huber} output.loss=mse", ["output.loss: ", "the axis output", "mse"]),
    ("task=parity task.test_size=20", ["task.test_size=20 ", "0.99", "task.test_size=54"]),
    ("model.depth=1,2,1", ["model.depth: ", "twice"]),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "parts"), MISTAKES)
def test_one_mistake(arguments: str | tuple[str, ...], parts: list[str]) -> None:
    is_whole = isinstance(arguments, tuple) or (
        "{" in arguments.partition(" ")[0] and "}" not in arguments.partition(" ")[0]
    )
    (problem,) = problems_of(*(arguments if isinstance(arguments, tuple) else arguments.split(" ")))
    assert all(part in problem for part in parts), problem
