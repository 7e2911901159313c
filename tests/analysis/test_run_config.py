from pathlib import Path

import pytest

from analysis.run_config import read_config
from analysis.wording import label_text
from search import loading

SPACES = sorted(path.stem for path in (Path(loading.__file__).parents[1] / "conf" / "space").glob("*.yaml"))


@pytest.mark.parametrize("name", SPACES)
def test_what_the_search_writes_is_read_alike(name: str, tmp_path: Path) -> None:
    config = loading.load([f"space={name}", "run=first"])
    path = tmp_path / "config.yaml"
    path.write_text(loading.to_yaml(config))
    read, space = read_config(path), config.space
    assert (read.run, read.space, read.question) == ("first", name, space.question)
    assert read.map_paths == space.map.paths
    assert read.axis_paths == (*space.map.paths, *(axis.path for axis in space.recipe_axes))
    for axis in space.map_axes:
        labels = [label_text(axis.label(value)) for value in axis.values or ()]
        assert [label_text(value) for value in read.map_values[axis.path]] == labels
    assert read.recipe_defaults == {axis.path: axis.default for axis in space.recipe_axes}
    assert (read.fail_after_recipes, read.seeds) == (space.fail_after_recipes, config.budget.seeds)
