import math
from pathlib import Path

import pytest

from failmap.analysis.run_config import read_config
from failmap.run_folder.wording import label_text
from failmap.search import loading

SPACES = sorted(path.stem for path in (Path(loading.__file__).parents[1] / "conf" / "space").glob("*.yaml"))

#: A space whose task is the user's file has none of its own.
TASKS = {"my_data": ("task=parity",)}


@pytest.mark.parametrize("name", SPACES)
def test_reads_what_the_search_writes(name: str, tmp_path: Path) -> None:
    config = loading.load([f"space={name}", "run=first", *TASKS.get(name, ())])
    path = tmp_path / "config.yaml"
    path.write_text(loading.to_yaml(config))
    read, space = read_config(path), config.space
    assert (read.run, read.space, read.question) == ("first", name, space.question)
    assert read.map_paths == space.map_paths
    assert read.axis_paths == (*space.map_paths, *(axis.path for axis in space.recipe_axes))
    for axis in space.map_axes:
        labels = [label_text(axis.label(value)) for value in axis.values or ()]
        assert [label_text(value) for value in read.map_values[axis.path]] == labels
    assert read.recipe_defaults == {axis.path: axis.default for axis in space.recipe_axes}
    has_range = any(axis.values is None for axis in space.recipe_axes)
    num_on_grid = math.prod(len(axis.grid()) for axis in space.recipe_axes)
    assert read.num_recipes == (None if has_range and config.sampler != "grid" else num_on_grid)
    assert read.objectives == space.objectives
    assert (read.fail_after_recipes, read.seeds) == (space.fail_after_recipes, config.budget.seeds)


def test_recipes_from_a_range_are_unlimited(tmp_path: Path) -> None:
    axis = "train.learning_rate={low: 1e-4, high: 1e-1, log: true, default: 3e-3}"
    path = tmp_path / "config.yaml"
    for sampler, most in (("grid", 5), ("sobol", None)):
        path.write_text(
            loading.to_yaml(loading.load(["space=smoke", "run=first", axis, f"sampler={sampler}"]))
        )
        assert read_config(path).num_recipes == most
