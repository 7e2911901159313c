"""A run's configuration on disk, the differences between two, and the arguments of a resumed run."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.loading import (
    differences,
    from_yaml,
    load,
    locate,
    resume_config,
    to_yaml,
    unresumable_differences,
)

BASE = ["budget=quick", "train.optimizer=adam,sgd"]


@settings(deadline=None, max_examples=20)
@given(
    learning_rates=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=4, unique=True),
    depths=st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True),
    storage=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1).filter(
        lambda t: "${" not in t
    ),
    minutes=st.floats(1e-3, 1e6) | st.none(),
)
def test_round_trip(
    learning_rates: list[float], depths: list[int], storage: str, minutes: float | None
) -> None:
    config = load(
        [
            f"train.learning_rate={learning_rates}",
            f"model.depth={depths}",
            f"storage={storage}",
            f"budget.minutes={'none' if minutes is None else minutes}",
            "train.momentum={values: [0.9], when: {train.optimizer: sgd}}",
            "train.optimizer=adam,sgd",
        ]
    )
    assert from_yaml(to_yaml(config)) == config


def test_path(tmp_path: Path) -> None:
    config = load(BASE)
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert from_yaml(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{run: a, spce: 1}", "spce: unknown key"),
        ("a: [", "not YAML"),
        ("[]", "must be a mapping"),
        ("", "space: is missing"),
    ],
)
def test_no_configuration(text: str, part: str) -> None:
    with pytest.raises(UserError, match=part):
        from_yaml(text)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        from_yaml(tmp_path / "config.yaml")


def test_differences() -> None:
    other = load([*BASE, "train.clip_norm=5", "model.depth=1,2", "budget.minutes=10"])
    assert differences(load(BASE), other) == [
        "budget.minutes: 5 -> 10",
        "train.clip_norm: 1 -> 5",
        "model.depth: 1,2,3,4,5 -> 1,2",
    ]
    assert unresumable_differences(load(BASE), other) == [
        "train.clip_norm: 1 -> 5",
        "model.depth: 1,2,3,4,5 -> 1,2",
    ]


def test_location_is_no_difference() -> None:
    assert differences(load(BASE), load([*BASE, "run=other", "storage=elsewhere"])) == []


class TestResume:
    def resumed(self, *arguments: str) -> RunConfig:
        return resume_config(load(BASE), arguments)

    def test_no_arguments(self) -> None:
        assert self.resumed() == load(BASE)

    def test_what_may_change(self) -> None:
        config = self.resumed("budget.minutes=10", "cluster.cpus=1", "keep=learned")
        assert (config.budget.minutes, config.cluster.cpus, config.keep) == (10, 1, "learned")
        assert config.budget.facets == 1
        assert unresumable_differences(load(BASE), config) == []

    def test_another_budget_replaces_all_of_it(self) -> None:
        assert (
            self.resumed("budget=hour", "budget.seeds=6").budget
            == load(["budget=hour", "budget.seeds=6"]).budget
        )

    def test_values_are_appended(self) -> None:
        config = self.resumed("train.learning_rate=1e-1,1e-3,3e-3,1e-2", "model.depth=1,2,3,4,5,6")
        assert config.space.axis("train.learning_rate").values == (3e-3, 1e-3, 1e-2, 1e-1)
        assert config.space.axis("train.learning_rate").default == 3e-3
        assert config.space.axis("model.depth").values == (1, 2, 3, 4, 5, 6)
        assert unresumable_differences(load(BASE), config) == []

    @pytest.mark.parametrize("values", ["3,10,30,100", "100,10,30,3"])
    def test_numbers_in_order_stay_so(self, values: str) -> None:
        stored = load(["space=smoke", "run=base", "task.sequence_length=30,3"])
        arguments = [f"task.sequence_length={values}"]
        config = resume_config(stored, arguments)
        assert stored.space.axis("task.sequence_length").values == (3, 30)
        assert config.space.axis("task.sequence_length").values == (3, 10, 30, 100)
        again = load(["space=smoke", "run=base", *arguments])
        assert unresumable_differences(stored, config) == unresumable_differences(stored, again) == []
        assert again.space.axis("task.sequence_length") == config.space.axis("task.sequence_length")
        assert unresumable_differences(again, stored) != [], "an axis has lost values"

    def test_a_shard_keeps_its_cells(self) -> None:
        stored = load(["space=smoke", "run=base", "shard=1/2"])
        larger = load(["space=smoke", "run=base", "shard=1/2", "task.sequence_length=3,10,30"])
        assert unresumable_differences(stored, larger) != []

    def test_contradictions_of_a_stored_run_are_left(self) -> None:
        stored = load(["space=smoke", "run=base", "budget.seeds=10"])
        assert resume_config(stored, []) == stored
        assert resume_config(stored, ["budget.minutes=1"]).budget.seeds == 10
        with pytest.raises(UserError, match=r"^budget.max_seeds=9: "):
            resume_config(stored, ["budget.max_seeds=9"])

    def test_same_value_again(self) -> None:
        assert self.resumed("train.clip_norm=1.0", "seed=0", "task=adding") == load(BASE)

    @pytest.mark.parametrize(
        ("argument", "part"),
        [
            ("train.clip_norm=2", "train.clip_norm: 1 -> 2: that is another run"),
            ("task=parity", "task: adding -> parity: that is another run"),
            ("seed=7", "seed: 0 -> 7: that is another run"),
            ("model.depth=1,2", "lacks 3,4,5 of the axis"),
            ("model.depth=1,2,3,4,5,0", "model.depth=0: must be at least 1"),
            ("budget.minuts=3", "budget.minuts: unknown key; did you mean budget.minutes?"),
            ("train.optimiser=adam", "did you mean train.optimizer?"),
            ("foo", "foo: must be key=value"),
            ("train.learning_rate={low: 1e-4, high: 1e-1}", "learning_rate"),
        ],
    )
    def test_what_may_not_change(self, argument: str, part: str) -> None:
        with pytest.raises(UserError) as error:
            self.resumed(argument)
        assert part in str(error.value)


class TestLocate:
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Path:
        (tmp_path / "smoke").mkdir()
        (tmp_path / "smoke" / "config.yaml").touch()
        return tmp_path

    def test_other_arguments_are_returned(self, storage: Path) -> None:
        folder, arguments = locate(["run=smoke", "budget.minutes=1", f"storage={storage}"])
        assert (folder.path, arguments) == (storage / "smoke", ["budget.minutes=1"])

    def test_nearest_run(self, storage: Path) -> None:
        with pytest.raises(UserError, match=r"no such run in .*; did you mean smoke\?"):
            locate(["run=smok", f"storage={storage}"])

    def test_no_name_lists_runs(self, storage: Path) -> None:
        with pytest.raises(UserError, match=r"run: is missing: which run in .*; known: smoke"):
            locate([f"storage={storage}"])

    def test_name_outside_storage(self, storage: Path) -> None:
        with pytest.raises(UserError, match="a run's name is"):
            locate(["run=../smoke", f"storage={storage}"])
