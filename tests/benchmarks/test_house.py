"""The layout benchmark on a small project with links, like ours."""

from pathlib import Path

import pytest

from benchmarks.house import House
from benchmarks.import_graph import cycles, longest_chain

FILES = {
    "search/__init__.py": '"""A package."""',
    "search/run.py": """
from failmap.search.loading.read import main

if __name__ == "__main__":
    main()
""",
    "search/plan.py": """
from .loading import read

def late():
    import failmap.analysis.page
""",
    "search/loading/__init__.py": "",
    "search/loading/read.py": '''
"""Reads.

A lot.
"""

# Why.
import json  # not why
from failmap.search import plan
''',
    "analysis/page.py": """
from failmap.search.loading.read import main

if TYPE_CHECKING:
    import failmap.run_folder.place
""",
    "failmap/run_folder/place.py": "",
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
    for package in ("search", "analysis"):
        (tmp_path / "failmap" / package).symlink_to(Path("..", package))
    return House(tmp_path)


def test_both_names_of_a_module_are_the_same_file(house: House) -> None:
    assert house.imports("start") == {
        "search": set(),
        "search.run": {"search.loading.read"},
        "search.plan": {"search.loading.read"},
        "search.loading": set(),
        "search.loading.read": {"search.plan"},
        "analysis.page": {"search.loading.read"},
        "failmap.run_folder.place": set(),
    }
    assert house.imports("call")["search.plan"] == {"analysis.page"}
    assert house.imports("never")["analysis.page"] == {"failmap.run_folder.place"}


def test_counts_of_modules_lines_and_importers(house: House) -> None:
    rows = dict(house.rows())
    assert rows["search: modules"] == "2", "neither `__init__` nor the entry"
    assert rows["search: largest module, lines"] == "8 search/loading/read.py"
    assert rows["failmap/run_folder: modules"] == "1"
    assert rows["tests: median lines"] == "-"
    assert (rows["loose modules in search/"], rows["- with `__init__` and entries"]) == ("1", "3")
    assert rows["search, analysis: modules that one file imports"] == "2"
    assert rows["import cycles at module level"] == "1 (files: 2)"
    assert rows["cycles of all imports"] == "1 (files: 3)"
    assert (rows["- docstring"], rows["- comment"]) == ("5", "1")


def test_cycle_is_one_step_of_a_chain() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"d"}}
    assert cycles(graph) == [frozenset("bc")]
    assert longest_chain(graph) == ["a", "b", "d"]
