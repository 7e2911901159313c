"""The commands and the Python functions around own training functions, without Ray."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import failmap
from failmap.analysis.load import load_run
from failmap.analysis.map.title import map_title
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.search.allocation.map_allocation import MapAllocation
from failmap.search.cluster.job_package import WORKING_DIR, ship
from failmap.search.commands.table import COMMANDS
from failmap.search.loading import load, to_yaml
from failmap.search.own_parts import read_own_parts, store_own_parts
from failmap.search.trial.history import begin_attempt
from failmap.search.worker import Worker

TRAIN = """
import torch


def train(config, trial):
    for update in range(trial.first_update, 6):
        score = config["gain"] * update
        if trial.report(update=update, score=score, threads=torch.get_num_threads()):
            return
    raise OSError("the disk of the function")
"""
SPACE: dict[str, Any] = {
    "map": {"x": "gain", "y": "width"},
    "axes": {"gain": [0.1, 1.0], "width": [1, 2], "rate": [0.1, 0.2]},
    "learned": {"score": 2.5},
}
ARGUMENTS = ["train=my_train.py:train", "space=my_space.yaml", "run=mine"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_train.py").write_text(TRAIN)
    Path("my_space.yaml").write_text(json.dumps(SPACE))


def written_run(tmp_path: Path) -> RunFolder:
    """Write the first trial of each cell as a driver prepares them for a worker."""
    config, run = load([*ARGUMENTS, "budget.seeds=1"]), RunFolder(tmp_path / "runs" / "mine")
    run.trials.mkdir(parents=True)
    run.config.write_text(to_yaml(config))
    for number, cell in enumerate(config.space.cells()):
        recipe = config.space.default_recipe(cell)
        trial = config.space.trial_config(cell, recipe, 0)
        record = TrialRecord(
            number=number,
            attempt=1,
            config=trial.model_dump(mode="json"),
            cell=cell.as_dict(),
            recipe=recipe,
            recipe_index=0,
            purpose="default",
            seed=0,
            started="2026-01-01T00:00:00+00:00",
        )
        run.trial(number).path.mkdir()
        run.trial(number).record.write_text(record.to_json())
        begin_attempt(run.trial(number), 1)
    return run


def trained(run: RunFolder, count: int) -> list[str]:
    """Train the first trials of a run in one worker, write their ends as a driver does, and return them."""
    space = load(ARGUMENTS).space
    notes = store_own_parts(space, read_own_parts(space), run)
    threads = torch.get_num_threads()
    worker = Worker(run, device="cpu", num_threads=1, keep="none", test=False, own_code=notes)
    outcomes = []
    for number in range(count):
        worker.begin(number, 1)
        while not (result := worker.advance())["done"]:
            pass
        summary = json.loads(result["summary"])
        outcomes.append(summary["outcome"])
        # An OSError of the function is not one of the storage, which would end the search.
        assert result["fault"] is None
        path = run.trial(number).record
        record = TrialRecord.from_json(path.read_bytes())
        ended = replace(record, summary=type(record).from_json(_with(record, summary)).summary)
        path.write_text(ended.to_json())
    torch.set_num_threads(threads)
    return outcomes


def test_worker_runs_one_function_after_another(tmp_path: Path) -> None:
    run = written_run(tmp_path)
    assert trained(run, 4) == ["errored", "learned", "errored", "learned"]
    lines = [json.loads(line) for line in run.trial(1).history.read_text().splitlines()]
    assert [line["update"] for line in lines] == [0, 1, 2, 3, 4]
    assert {line["signals"]["threads"] for line in lines} == {1}

    loaded = load_run(run)
    title = map_title(loaded)
    assert "my_train.py:train" in title.subject
    assert "raw score at least 2.5 at two reports in a row" in title.criterion
    assert {"gain", "width", "rate"} <= set(loaded.table)


def test_map_of_a_watched_function_shows_the_causes_of_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my_train.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from tests.search.own.loops import by_setting as train\n"
    )
    space = {"map": {"x": "fault", "y": "width"}, "learned": {"score": 0.9}}
    space["axes"] = {"fault": ["healthy", "softmax", "shuffled"], "width": [1], "rate": [0.01]}
    Path("my_space.yaml").write_text(json.dumps(space))
    run = written_run(tmp_path)
    assert trained(run, 3) == ["learned", "failed", "failed"]
    causes = [one.diagnosis and one.diagnosis.cause for one in load_run(run).explanations.values()]
    assert causes == ["none", "unreachable_output", "no_signal"]

    assert COMMANDS["report"].run(["run=mine"]) == 0
    kept = [json.loads(line)["verdict"]["cause"] for line in run.causes.read_text().splitlines()]
    assert kept == causes
    page = (run.path / "report" / "index.html").read_text()
    assert "softmax comes before a cross-entropy" in page
    capsys.readouterr()
    assert COMMANDS["signals"].run(["run=mine", "signal=gradient_norm"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    with pytest.raises(UserError) as caught:
        COMMANDS["signals"].run(["run=mine", "signal=watched"])
    assert ", watched" not in caught.value.problems[0]


def _with(record: TrialRecord, summary: dict[str, Any]) -> str:
    return json.dumps({**json.loads(record.to_json()), "summary": summary})


def test_allocation_begins_with_the_default_recipe_of_each_cell() -> None:
    config = load(ARGUMENTS)
    allocation = MapAllocation(config)
    first = allocation.next()
    assert first is not None
    assert first.config.model_dump()["settings"] == {"gain": 0.1, "width": 1, "rate": 0.1}


def test_plan_needs_no_built_in_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMANDS["run"].run([*ARGUMENTS, "plan=true"]) == 0
    text = capsys.readouterr().out
    assert "4 cells" in text
    assert "gain" in text


@pytest.mark.parametrize("words", [["run", *ARGUMENTS, "plan=true", "--json"], ["rescue", "run=mine"]])
def test_what_is_not_for_own_functions_is_refused_in_one_line(words: list[str], tmp_path: Path) -> None:
    written_run(tmp_path)
    name, *arguments = words
    if name == "run":
        arguments[2] = "run=another"
    with pytest.raises(UserError) as caught:
        COMMANDS[name].run(arguments)
    assert len(caught.value.problems) == 1


def test_function_that_takes_other_arguments_is_told_before_a_folder_is_made() -> None:
    Path("my_train.py").write_text("def train(config): pass\n")
    with pytest.raises(UserError, match="takes"):
        COMMANDS["run"].run(ARGUMENTS)
    assert not Path("runs").exists()


def test_file_of_the_function_is_shipped_to_a_cluster(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    words = ship(ARGUMENTS, package)
    assert words == ["train=my_train.py:train", "space=space/my_space.yaml", "run=mine"]
    assert (package / WORKING_DIR / "my_train.py").read_text() == TRAIN


def test_python_takes_the_function_and_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.delitem(sys.modules, "my_train", raising=False)
    import my_train  # type: ignore[import-not-found]

    seen: list[list[str]] = []

    def run(self: object, arguments: list[str]) -> int:
        seen.append(list(arguments))
        assert load(arguments).space.axis("gain").values == (0.1, 1.0)
        return 0

    monkeypatch.setattr(type(COMMANDS["run"]), "run", run)
    where = f"train={Path.cwd().resolve()}/my_train.py:train"
    assert failmap.run(my_train.train, "my_space.yaml", "run=mine") == 0
    assert failmap.run(my_train.train, SPACE, "run=mine") == 0
    assert failmap.run_function(my_train.train, Path("my_space.yaml")) == 0
    assert failmap.run(*ARGUMENTS) == 0
    assert [words[0] for words in seen[:3]] == [where] * 3
    assert seen[0][1:] == ["space=my_space.yaml", "run=mine"]
    assert seen[1][1].endswith("train.yaml")
    assert seen[3] == ARGUMENTS
    with pytest.raises(UserError):
        failmap.run_function(lambda config, trial: None, SPACE)
