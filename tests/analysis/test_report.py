import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from failmap.analysis.diagnosis import CAUSE_WORDS
from failmap.analysis.reporting import build
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import Intervention
from failmap.search.commands.reporting import report as main

HOSTILE = """</script><script>alert(1)</script><img src=x onerror="alert(2)">'"&{{ 7*7 }}<!--"""


class Page(HTMLParser):
    """Elements and their attributes, and the text of the embedded data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][1].get("id") == "data":
            self.data += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(run: Any) -> Page:
    return Page(build(run.folder).page.read_text())


def test_report_writes_all_files(make_run: Any) -> None:
    run = make_run()
    run.trials(6, 0, 5, 1)
    run.trials(0, 6, 20, 2)
    assert build(run.folder).page == run.folder.report / "index.html"
    assert len(pd.read_parquet(run.folder.table)) == 12
    assert len(pd.read_csv(run.folder.report / "trials.csv")) == 12
    assert (run.folder.report / "failure_map.png").read_bytes().startswith(b"\x89PNG")
    with (run.folder.report / "cells.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert [cell["state"] for cell in cells] == ["learns", "learns", "fails", "fails"]
    assert cells[0]["task.sequence_length"] == "5"
    assert cells[0]["recipe"] == "learning rate 0.003"


def test_every_cell_is_a_labelled_button(make_run: Any) -> None:
    run = make_run(lengths=("a", "b"))
    run.write_costs(40)
    run.trials(6, 0, "a", 1)
    labels = [button["title"] for button in page(run).all("button") if "title" in button]
    assert labels == [
        "sequence length a, depth 2: not run: no trial, estimated cost 4 min",
        "sequence length b, depth 2: not run: no trial, estimated cost 4 min",
        "sequence length a, depth 1: learns: 6 of 6 seeds learned, P(learn) from 0.61 to 1.00; "
        "recipe: learning rate 0.003",
        "sequence length b, depth 1: not run: no trial, estimated cost 4 min",
    ]


def test_page_has_the_curves_of_every_trial(make_run: Any, history: Any) -> None:
    run = make_run()
    for _ in range(4):
        run.trial("failed", history=history("failed", count=200))
    data = json.loads(page(run).data)
    assert data["cells"][0]["trials"] == [0, 1, 2, 3]
    assert all(len(data["trials"][str(number)]["curves"]["score"]) == 60 for number in range(4))


def test_configured_names_are_escaped(make_run: Any, history: Any) -> None:
    run = make_run(
        question=HOSTILE,
        lengths=(HOSTILE, 20),
        axes=[{"path": f"train.{HOSTILE}", "values": [HOSTILE, "b"], "default": HOSTILE}],
        base={"task": {"name": HOSTILE}, "model": {"name": HOSTILE}},
    )
    recipe = {f"train.{HOSTILE}": HOSTILE}
    run.trial("failed", HOSTILE, 1, recipe=recipe, reason=HOSTILE, history=history("failed", count=2))
    run.trials(0, 3, HOSTILE, 1, recipe=recipe)
    run.folder.provenance.write_text(HOSTILE)
    read = page(run)
    text = (run.folder.report / "index.html").read_text()
    assert len(read.all("script")) == 2
    assert read.all("img") == []
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", text, re.DOTALL)[0], (
        "a template in a name is no template"
    )
    assert json.loads(read.data)["trials"]["0"]["reason"] == HOSTILE


def test_page_requests_nothing(make_run: Any) -> None:
    run = make_run()
    read = page(run)
    addresses = [
        (element, value)
        for element, attributes in read.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data")
    ]
    assert [value for element, value in addresses if element != "a"] == ["data:,"]
    linked = {value for element, value in addresses if element == "a"}
    assert linked <= {path.name for path in run.folder.report.iterdir()}


def test_report_of_an_empty_run(make_run: Any) -> None:
    text = build(make_run().folder).page.read_text()
    assert "0 trials" in text
    assert "4 cells without a finished trial" in text


def test_unknown_cells_have_reason_and_command(make_run: Any) -> None:
    run = make_run("my run")
    run.trials(3, 1)
    text = build(run.folder).page.read_text()
    assert "the default recipe learned on 3 of 4 seeds: P(learn) from 0.30 to 0.95" in text
    storage = run.folder.path.parent
    assert f"python -m search.resume &#39;run=my run&#39; storage={storage} budget.max_seeds=16" in text


def test_next_steps_exceed_the_budget(make_run: Any) -> None:
    run = make_run(facets=(32, 128), budget={"seeds": 6, "max_seeds": 10, "recipes": 2, "facets": 1})
    run.trials(0, 6, 5, 1, 32)
    text = build(run.folder).page.read_text()
    assert "budget.facets=2" in text
    assert "budget.recipes=4" in text
    assert "budget.max_seeds" not in text, "nothing is unknown"


def test_left_out_curves_are_counted(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failmap.analysis.html_report.page.MAX_TRIALS", 2)
    run = make_run()
    run.trials(5, 0)
    assert "The curves of 3 trials are left out" in build(run.folder).page.read_text()


def test_long_file_is_truncated(make_run: Any) -> None:
    run = make_run()
    run.folder.provenance.write_text("x" * 200_007)
    assert "... 7 more characters are in the file" in build(run.folder).page.read_text()


def test_report_is_deterministic(make_run: Any) -> None:
    run = make_run()
    run.trials(3, 1)
    names = ("index.html", "trials.csv", "cells.csv", "failure_map.png")
    build(run.folder)
    first = [(run.folder.report / name).read_bytes() for name in names]
    build(run.folder)
    assert [(run.folder.report / name).read_bytes() for name in names] == first


def test_old_forecast_is_ignored(make_run: Any) -> None:
    run = make_run()
    run.trials(3, 1)
    without = build(run.folder).page.read_text()
    (run.folder.path / "forecast.json").write_text('{"schema": 1,')
    assert build(run.folder).page.read_text() == without


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "run=NAME is missing"),
        (["rnu=first"], "unknown key 'rnu'; did you mean run?"),
        (["first"], "'first' is not key=value"),
    ],
)
def test_wrong_arguments_give_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as error:
        main([*words, f"storage={tmp_path}"])
    assert len(error.value.problems) == 1


def test_missing_run_argument_lists_runs(make_run: Any) -> None:
    storage = make_run("first").folder.path.parent
    with pytest.raises(UserError, match=r"run=NAME is missing; in .*: first"):
        main([f"storage={storage}"])


def test_wrong_run_exits_with_status_2(make_run: Any) -> None:
    storage = make_run("first").folder.path.parent
    program = [sys.executable, "-m", "analysis.report", f"storage={storage}"]
    wrong = subprocess.run([*program, "run=frist"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == f"error: no run 'frist' in {storage}; did you mean first?\n"


def test_program_prints_the_path_of_the_report(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run("first").folder
    assert main(["run=first", f"storage={folder.path.parent}"]) == 0
    assert capsys.readouterr().out == f"report: {folder.report / 'index.html'}\n"


NONFINITE = {"tensor": "layers.0.weight_hh_l0", "update": 12}


def test_cells_csv_has_causes(make_run: Any) -> None:
    run = make_run()
    run.trials(0, 3, 5, 1, first_nonfinite=NONFINITE)
    run.trials(0, 1, 5, 1)
    run.trials(6, 0, 20, 2)
    build(run.folder)
    cells = pd.read_csv(run.folder.report / "cells.csv")
    assert list(cells["cause"].fillna("")) == ["diverged", "", "", ""]
    assert list(cells["cause_share"].fillna(-1)) == [0.75, -1, -1, -1]
    assert "layers.0.weight_hh_l0" in cells["cause_evidence"][0]


def test_page_has_causes_and_rescue_command(make_run: Any) -> None:
    run = make_run()
    run.trials(0, 6, 5, 1, first_nonfinite=NONFINITE)
    read = page(run)
    text = (run.folder.report / "index.html").read_text()
    assert CAUSE_WORDS["diverged"] in text
    assert f"python -m search.rescue run=first storage={run.folder.path.parent}" in text
    labels = [button["title"] or "" for button in read.all("button") if "title" in button]
    assert sum("diverged: 6 of 6 failed trials" in label for label in labels) == 1
    data = json.loads(read.data)
    assert data["cells"][0]["why"]["told"] == "diverged: 6 of 6 failed trials"
    assert data["trials"]["0"]["cause"]["label"] == "diverged (100 %)"
    assert "layers.0.weight_hh_l0" in data["trials"]["0"]["cause"]["evidence"][0]


def test_page_without_failures_has_no_causes(make_run: Any) -> None:
    run = make_run()
    run.trials(6, 0)
    read = page(run)
    assert not {"why", "fixes", "needs"} & {attributes.get("id") for _, attributes in read.elements}


def test_fixes_are_tables(make_run: Any) -> None:
    run = make_run()
    for seed in range(6):
        run.trial("failed", 20, 1, seed=seed)
        run.trial("learned", 5, 1, seed=seed)
    depth, time = "vanishing_in_depth", "vanishing_in_time"
    for seed in range(4):
        norm = Intervention("rescue", "layer_norm", {"model.layer_norm": True}, 0, depth)
        run.trial("learned", 20, 1, seed=seed, intervention=norm)
        clip = Intervention("rescue", "chrono", {"model.chrono": True}, 0, time)
        run.trial("failed", 20, 1, seed=seed, intervention=clip)
        taken = Intervention("ablation", "no gradient clipping", {"train.clip_norm": None}, 1)
        run.trial("failed", 5, 1, seed=seed, intervention=taken)
    text = " ".join(build(run.folder).page.read_text().split())
    assert "vanishing in depth is confirmed: " in text
    assert "<td>layer norm</td><td>0 of 4</td><td>4 of 4</td><td>0.51 to 1.00</td>" in text
    assert "layer norm: at depth 1 it learns up to sequence length 20 instead of 5" in text
    assert "trial 1, sequence length 5, depth 1" in text
    assert '<td class="verdict">needed</td>' in text
    assert "and 12 in which one thing was changed" in text
    data = json.loads(page(run).data)
    assert data["trials"]["12"]["purpose"] == "rescue: layer norm, against vanishing in depth"
    rescued = pd.read_csv(run.folder.report / "rescue.csv")
    assert sorted(rescued["fix"]) == ["chrono", "layer_norm"]


def test_evidence_is_left_out_with_curves(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failmap.analysis.html_report.page.MAX_TRIALS", 1)
    run = make_run()
    run.trials(0, 2, first_nonfinite=NONFINITE)
    trials = json.loads(page(run).data)["trials"]
    assert ["evidence" in trials[number]["cause"] for number in ("0", "1")] == [True, False]
    assert trials["1"]["cause"]["label"] == "diverged (100 %)"
