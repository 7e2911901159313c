"""Shards: their cells and names, and that together they equal the whole run."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.search.allocation.map_allocation import cells_in_order, shard_cells
from failmap.search.config import RunConfig
from failmap.search.loading import from_yaml, load, resume_config, to_yaml
from failmap.search.shards import Shard, name_of_shard, shard_of_name
from failmap.search.study import Study
from failmap.search.trial.config import TrialConfig

MakeConfig = Callable[..., RunConfig]

LENGTHS, DEPTHS, WIDTHS = [5, 10, 20, 50], [1, 2, 3], [16, 32]
#: Seven cells of the first facet's twelve, and then more: shards of every size.
COUNTS = [1, 2, 5, 7, 12, 24]


def shards_of(count: int) -> list[Shard]:
    return list(Shard(index=1, count=count).all)


@given(st.integers(1, 40), st.integers(0, 100))
def test_every_item_is_dealt_once(count: int, num_items: int) -> None:
    shares = [shard.take(range(num_items)) for shard in shards_of(count)]
    assert sorted(item for share in shares for item in share) == list(range(num_items))
    assert all(share == sorted(share) for share in shares)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.integers(1, 40), st.integers(1, 100), st.integers(0, 100))
def test_share_of_a_prefix_is_a_prefix(count: int, more: int, num_items: int) -> None:
    for shard in shards_of(count):
        share = shard.take(range(num_items))
        assert shard.take(range(num_items + more))[: len(share)] == share


def test_items_are_dealt_back_and_forth() -> None:
    assert [shard.take(range(9)) for shard in shards_of(3)] == [[0, 5, 6], [1, 4, 7], [2, 3, 8]]


@given(st.integers(1, 9999).flatmap(lambda count: st.tuples(st.integers(1, count), st.just(count))))
def test_names_of_shards(place: tuple[int, int]) -> None:
    shard = Shard(index=place[0], count=place[1])
    assert Shard.parse(str(shard)) == shard
    assert shard_of_name(name_of_shard("map-2", shard)) == ("map-2", shard)
    assert name_of_shard(name_of_shard("map", shard), shard) == f"map{shard.suffix}"


@pytest.mark.parametrize("name", ["map", "map.3of2", "map.0of2", "1of2", "map.1of2.txt", "map.01of2"])
def test_other_names(name: str) -> None:
    assert shard_of_name(name) == (name, None)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("facets", [None, 1])
def test_cells_are_dealt_to_shards(make_config: MakeConfig, count: int, facets: int | None) -> None:
    space: dict[str, Any] = {"lengths": LENGTHS, "depths": DEPTHS, "widths": WIDTHS}
    space["budget"] = {"facets": facets}
    whole = cells_in_order(make_config(**space))
    shares = [cells_in_order(make_config(**space, shard=f"{i}/{count}")) for i in range(1, count + 1)]
    assert sorted(map(str, whole)) == sorted(str(cell) for share in shares for cell in share)
    assert all(share == [cell for cell in whole if cell in share] for share in shares)


def test_later_facets_only_add_cells(make_config: MakeConfig) -> None:
    config = make_config(lengths=LENGTHS, depths=DEPTHS, widths=WIDTHS, shard="2/5", budget={"facets": 1})
    reached = cells_in_order(config)
    assert shard_cells(config)[: len(reached)] == reached


WRONG = {
    ("shard=6/5",): "shard=6/5: the shards are 1/5 to 5/5",
    ("shard=0/5",): "shard=0/5: the shards are 1/5 to 5/5",
    ("shard=1/0",): "shard=1/0: there must be at least one shard, as in 1/1",
    ("shard=two",): "shard=two: must be two whole numbers, as in 2/5: the second of five",
    (
        "space=smoke",
        "shard=2/5",
    ): "shard=2/5: the budget reaches only 4 cells: use at most 4 shards",
    ("shard=2/5", "run=a.1of5"): "run=a.1of5: the name is that of shard 1 of 5, and shard=2/5 is another",
    ("run=a.1of5",): "run=a.1of5: such names are those of shards: add shard=1/5, or name this run otherwise",
}


@pytest.mark.parametrize(("arguments", "problem"), WRONG.items(), ids=" ".join)
def test_invalid_shards(arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(UserError) as error:
        load(arguments)
    assert error.value.problems == (problem,)


def test_folder_is_named_by_its_shard(tmp_path: Path) -> None:
    words = ["shard=2/5", f"storage={tmp_path}"]
    assert load([*words, "run=a"]).run == load([*words, "run=a.2of5"]).run == "a.2of5"
    assert load(words).run == "lstm_depth.2of5"
    (tmp_path / "lstm_depth.2of5").mkdir()
    assert load(words).run == "lstm_depth-2.2of5"


def test_stored_shard_keeps_its_map(tmp_path: Path) -> None:
    stored = load(["space=smoke", "shard=2/3", f"storage={tmp_path}"])
    assert from_yaml(to_yaml(stored)) == stored
    assert resume_config(stored, ["budget.recipes=2", "shard=2/3"]).budget.recipes == 2
    with pytest.raises(UserError, match="merge the shards first"):
        resume_config(stored, ["model.depth=1,2,3"])
    with pytest.raises(UserError, match="that is another run"):
        resume_config(stored, ["shard=1/3"])


def run_by_rule(config: RunConfig, folder: RunFolder) -> dict[tuple[str, int, int], TrialConfig]:
    """A run of trials that end by a rule: their configurations by cell, recipe, seed."""
    study = Study.open(config, folder, lambda line: None)
    trials = {}
    while (start := study.ask()) is not None:
        draw = random.Random(json.dumps(start.config.model_dump(mode="json"))).random()
        outcome = "errored" if draw < 0.1 else "learned" if draw < 0.5 else "failed"
        study.tell(start.number, Summary(outcome, "by rule", score=draw))
        record = TrialRecord.from_json(folder.trial(start.number).record.read_text())
        trials[str(study.known[start.number].cell), record.recipe_index, record.seed] = start.config
    study.close()
    return trials


@pytest.mark.parametrize("sampler", ["grid", "sobol", "random", "tpe"])
def test_all_shards_together_are_the_whole_run(make_config: MakeConfig, tmp_path: Path, sampler: str) -> None:
    """The same cells, recipes, seeds and configurations: no sampler looks at other cells or at numbers."""
    words: dict[str, Any] = {"sampler": sampler, "budget": {"recipes": 3, "seeds": 2, "max_seeds": 9}}
    whole = run_by_rule(make_config(**words), RunFolder(tmp_path / "whole"))
    shares = [
        run_by_rule(make_config(**words, shard=f"{i}/3"), RunFolder(tmp_path / f"{i}of3")) for i in (1, 2, 3)
    ]
    assert {key: config for share in shares for key, config in share.items()} == whole
    assert sum(map(len, shares)) == len(whole)


def test_map_marks_cells_of_other_shards(make_config: MakeConfig, tmp_path: Path) -> None:
    config, folder = make_config(shard="1/2", budget={"seeds": 4}), RunFolder(tmp_path / "tiny.1of2")
    run_by_rule(config, folder)
    folder.config.write_text(to_yaml(config))
    folder.own_cells.write_text(json.dumps([cell.as_dict() for cell in shard_cells(config)]))
    failure_map = build_map(load_run(folder))
    elsewhere = [cell for cell in failure_map.cells.values() if cell.is_elsewhere]
    assert (failure_map.num_elsewhere, sum(failure_map.states.values())) == (2, 2)
    assert failure_map.states["not_run"] == 0
    assert {cell.verdict.reason for cell in elsewhere} == {"in another shard"}
    assert failure_map.title.subject.endswith("; shard 1 of 2")
