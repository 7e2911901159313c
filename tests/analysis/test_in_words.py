"""The result in sentences, and as Markdown: each number in them follows from the trials."""

import re
from typing import Any

import pytest

from failmap.analysis.in_words import Sentence, in_words
from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.analysis.markdown import as_markdown
from failmap.analysis.next_steps import next_steps
from failmap.run_folder.records import Intervention

NONFINITE = {"tensor": "layers.0", "update": 12}


def words_of(writer: Any) -> list[str]:
    return [one.text for one in sentences_of(writer)]


def sentences_of(writer: Any) -> list[Sentence]:
    run = load_run(writer.folder)
    failure_map = build_map(run)
    return in_words(run, failure_map, next_steps(run, failure_map))


def markdown_of(writer: Any) -> str:
    run = load_run(writer.folder)
    return as_markdown(run, build_map(run))


def test_nothing_is_said_of_an_empty_run(make_run: Any) -> None:
    run = make_run()
    assert words_of(run) == []
    run.trial(None)
    assert words_of(run) == []


def test_the_edge_at_its_farthest_and_nearest(make_run: Any) -> None:
    run = make_run(lengths=(5, 20, 80), depths=(1, 2, 3))
    for depth, reach in ((1, 3), (2, 2), (3, 1)):
        for index, length in enumerate((5, 20, 80)):
            run.trials(*((6, 0) if index < reach else (0, 6)), length, depth)
    failure_map = build_map(load_run(run.folder))
    first = words_of(run)[0]
    assert first.index(failure_map.edge.sentence(("1",))) == 0
    assert failure_map.edge.sentence(("3",))[3:] in first
    assert "depth 2" not in first


def test_one_row_is_its_own_sentence(make_run: Any) -> None:
    run = make_run(lengths=(5, 80), depths=(1,))
    run.trials(6, 0, 5, 1)
    run.trials(0, 6, 80, 1)
    failure_map = build_map(load_run(run.folder))
    assert words_of(run)[0] == f"{failure_map.edge.sentence(('1',))}."


def test_names_keep_their_capitals(make_run: Any) -> None:
    run = make_run(lengths=(5, 80), depths=(1,), facets=("MyNet", "other"))
    run.trials(6, 0, 5, 1, "MyNet")
    assert words_of(run)[0].startswith("Hidden size MyNet: at depth 1 ")


def test_names_have_no_edge(make_run: Any) -> None:
    run = make_run(lengths=("a", "b"), depths=("c", "d"))
    run.trials(6, 0, "a", "c")
    run.trials(0, 6, "b", "c")
    assert words_of(run)[0].startswith("Cells: 1 learn (1 measured), 1 fail (1 measured)")


def test_the_most_frequent_cause_is_counted(make_run: Any) -> None:
    run = make_run(lengths=(5, 20, 80), depths=(1,))
    for length in (5, 20):
        run.trials(0, 6, length, 1, first_nonfinite=NONFINITE)
    run.trials(0, 6, 80, 1)
    (line,) = (line for line in words_of(run) if "diverged" in line)
    assert "2 of 3 cells" in line
    (unnamed,) = (line for line in words_of(run) if "no rule" in line)
    assert "1 of 3 cells" in unnamed


def test_fixes_count_only_where_they_surely_work(make_run: Any) -> None:
    run = make_run(lengths=(5,), depths=(1,))
    layer_norm = Intervention("rescue", "layer_norm", {"model.layer_norm": True}, 0, "vanishing_in_depth")
    run.trials(0, 6, seed=None)
    for seed in range(6):
        run.trial("failed", seed=seed, intervention=layer_norm)
    assert any(line.startswith("None of the fixes tried in 1 cell") for line in words_of(run))
    other = make_run("second", lengths=(5,), depths=(1,))
    other.trials(0, 6)
    for seed in range(6):
        other.trial("learned", seed=seed, intervention=layer_norm)
    (line,) = (line for line in words_of(other) if line.startswith("Of the fixes tried in 1 cell"))
    assert "this surely works: layer norm" in line
    assert "(in 1)" in line


def test_what_is_open_has_its_command(make_run: Any) -> None:
    run = make_run(lengths=("a", "b"), depths=(1,))
    run.trials(2, 2, "a", 1)
    last = sentences_of(run)[-1]
    assert "1 cell unknown, 1 not run" in last.text
    assert f"run={run.folder.name}" in last.command
    assert f"`{last.command}`" in markdown_of(run)


def test_markdown_has_a_row_for_each_row_of_the_map(make_run: Any) -> None:
    run = make_run(lengths=(5, 20), depths=(1, 2))
    run.trials(6, 0, 5, 1)
    run.trials(0, 6, 20, 1, first_nonfinite=NONFINITE)
    rows = [line for line in markdown_of(run).splitlines() if re.match(r"\| [12] \|", line)]
    assert [row.split(" | ")[0] for row in rows] == ["| 2", "| 1"]
    assert rows[1] == "| 1 | 6/6 + | 0/6 - diverged |"
    assert "![failure map](failure_map.png)" in markdown_of(run)


HOSTILE = ["<img src=x> | [a](b) *c*\n# d", "`<img>", "`a` <img>", "`<img>``` `", "<b>|`x`</b>", "\\`<img>`"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_in_markdown(make_run: Any, name: str) -> None:
    run = make_run(question=name, lengths=(name, "b"), depths=(1,))
    run.trials(6, 0, name, 1)
    told = markdown_of(run).partition("```")[0]
    # No tag, no link, and no code in which either would stand.
    assert not re.search("<(img|b|/b)>", told)
    assert not re.search(r"(?<!\\)(\\\\)*\[a\]", told)
    assert told.replace("\\`", "").count("`") % 2 == 0
    table = [line for line in told.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {4}
