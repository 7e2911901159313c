"""The commands that a finished session ends with."""

from typing import Any

from analysis.failure_map import build_map
from analysis.load import load_run
from analysis.next_steps import next_steps


def commands(run: Any) -> dict[str, str]:
    loaded = load_run(run.folder)
    return dict(next_steps(loaded, build_map(loaded)))


def test_a_run_that_is_done_names_no_more_of_itself(make_run: Any) -> None:
    run = make_run(lengths=(5,), depths=(1,))
    run.trials(4, 0, 5, 1)
    assert not any("search.resume" in words for words in commands(run).values())


def test_each_thing_that_is_left_has_its_command(make_run: Any) -> None:
    run = make_run(facets=(32, 128), budget={"name": "quick", "seeds": 4, "max_seeds": 8, "facets": 1})
    run.trials(2, 6, 5, 1, facet=32)
    run.trials(0, 4, 20, 1, facet=32)
    told = commands(run)
    assert any(words.endswith("budget.minutes=30") for words in told.values())
    assert any("budget.max_seeds=16" in words for words in told.values())
    assert any("budget.recipes=3" in words for words in told.values())
    assert "budget.facets=2" in told["Wider: hidden size 128, too:"]
    assert all(f"run={run.folder.name}" in words for words in told.values() if "search.resume" in words)
