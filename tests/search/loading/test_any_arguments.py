"""Any arguments give a configuration or a UserError, never a traceback."""

from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.loading import from_yaml, load, to_yaml
from failmap.search.loading.fields import GROUPS, Schema

KEYS = [
    *Schema.of_all_kinds().paths(),
    *GROUPS,
    *("space", "budget", "cluster", "run", "storage", "seed", "plan", "map.x", "map.y", "map.facet", "keep"),
    *("budget.minutes", "halving.factor", "train.learning_rate.low", "model.depth.when", "test", "sampler"),
]
VALUES = [
    *("1", "0", "-3", "1e-3", "true", "none", "null", "adam", "lstm", "gru", "parity", "mnist", "adding"),
    *("smoke", "optimizer", "quick", "local", "last", "every_step", "1,2,3", "[1, 2]", "[]", "{}", "{a: 1}"),
    *(
        "{low: 1, high: 3}",
        "{values: [1, 2], when: {model.name: lstm}}",
        "{loss: mse},{loss: huber}",
        "[[1]]",
    ),
    *("task.name", "model.depth", "{name: gru}", "1.5", ".nan", "''", "'", "{when: 3, values: 2}", "sgd"),
]

arguments = st.builds(
    "{}={}".format,
    st.sampled_from(KEYS) | st.text(max_size=8),
    st.sampled_from(VALUES) | st.text(max_size=12) | st.floats().map(str) | st.integers().map(str),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(arguments | st.text(max_size=20), max_size=6))
def test_any_arguments(asked: list[str]) -> None:
    config, problems = loaded(asked)
    assert (config is None) == bool(problems)
    assert all(problem.strip() and "\n" not in problem for problem in problems)
    if config is not None:
        assert from_yaml(to_yaml(config)) == config


def loaded(asked: list[str]) -> tuple[RunConfig | None, tuple[str, ...]]:
    try:
        return load(asked), ()
    except UserError as error:
        return None, error.problems
