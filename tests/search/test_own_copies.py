"""Own code where its files are not: workers, and later sessions, that have the run's folder alone."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.run_folder.errors import UserError
from failmap.run_folder.own_copies import OwnCodeNote
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord, read_history
from failmap.run_folder.storage import AnyPath, store_of, write_atomically
from failmap.search.input_checks import check_all
from failmap.search.loading import from_yaml, load, to_yaml
from failmap.search.own_parts import own_code_from, read_own_parts, store_own_parts
from failmap.search.provenance import begin_session
from failmap.search.trial.history import begin_attempt
from failmap.search.worker import Worker

ROOT = Path(__file__).parents[2]
FILES = {
    "my_net.py": """
from dataclasses import dataclass
from torch import nn
from own_layers import readout

@dataclass
class Options:
    width: int

class Net(nn.Module):
    def __init__(self, input_size, output_size, width=4):
        super().__init__()
        self.options = Options(width)
        self.gru = nn.GRU(input_size, width, batch_first=True)
        self.readout = readout(width, output_size)

    def forward(self, inputs):
        return self.readout(self.gru(inputs)[0][:, -1])
""",
    "own_layers.py": """
from torch import nn

def readout(width, output_size):
    from own_pack.sizes import EXTRA
    return nn.Linear(width, output_size + EXTRA)
""",
    "own_pack/sizes.py": "from .numbers import EXTRA\n",
    "own_pack/numbers.py": "EXTRA = 0\n",
    "my_task.py": """
import torch
import own_lags

class Task:
    kind = "number"
    input_size = output_size = 1

    def __init__(self, lag=2):
        self.lag, self.num_steps = lag, lag + 1

    def draw(self, num, generator):
        inputs = torch.rand(num, self.num_steps, 1, generator=generator)
        return inputs, inputs[:, own_lags.step(self.lag), 0]
""",
    "own_lags.py": "def step(lag):\n    return -lag\n",
    "my_train.py": """
import multiprocessing
import pickle
import own_scores

class Item:
    pass

def child(connection):
    connection.send(type(pickle.loads(pickle.dumps(Item()))).__name__)

def train(config, trial):
    here, there = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=child, args=(there,))
    process.start()
    assert here.recv() == "Item"
    process.join()
    for update in range(3):
        trial.report(update=update, score=own_scores.score(config["gain"]))
    if config["gain"] > 1:
        own_scores.fails()
""",
    "own_scores.py": """
def score(gain):
    return 0.5 * gain

def fails():
    raise ValueError("this line is mine")  # and so is this
""",
    "my_space.yaml": json.dumps(
        {
            "map": {"x": "gain", "y": "width"},
            "axes": {"gain": [1, 2], "width": [1, 2]},
            "learned": {"score": 9},
        }
    ),
}
PARTS = [
    "model=my_net.py:Net",
    "model.args.width=4,8",
    "task=my_task.py:Task",
    "task.args.lag=2,3",
    "train.max_updates=20",
    "train.evaluate_every=10",
]
FUNCTION = ["train=my_train.py:train", "space=my_space.yaml"]
WORKER = """
import json, sys
from failmap.run_folder.own_copies import OwnCodeNote
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import parse_location
from failmap.search.worker import Worker

notes = [OwnCodeNote(**note) for note in json.loads(sys.argv[2])]
run = RunFolder(parse_location(sys.argv[1]))
worker = Worker(run, device="cpu", num_threads=1, keep="none", test=False, own_code=notes)
for number in map(int, sys.argv[3:]):
    worker.begin(number, 1)
    while not (result := worker.advance())["done"]:
        pass
    print("ended", json.dumps({**json.loads(result["summary"]), "fault": result["fault"]}))
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, where the driver starts."""
    folder = tmp_path / "mine"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    return folder


def begun(storage: AnyPath, words: Sequence[str]) -> tuple[RunFolder, list[OwnCodeNote]]:
    """Begin a run as a driver does, with a trial of each cell."""
    config, run = (
        load([*words, "run=mine", f"storage={storage}", "budget.seeds=1"]),
        RunFolder(storage / "mine"),
    )
    write_atomically(run.config, to_yaml(config))
    notes = store_own_parts(config.space, read_own_parts(config.space), run)
    begin_session(run, ["run"], own_code=notes)
    for number, cell in enumerate(config.space.cells()):
        recipe = config.space.default_recipe(cell)
        record = TrialRecord(
            number=number,
            attempt=1,
            config=config.space.trial_config(cell, recipe, 0).model_dump(mode="json"),
            cell=cell.as_dict(),
            recipe=recipe,
            recipe_index=0,
            purpose="default",
            seed=0,
            started="2026-01-01T00:00:00+00:00",
        )
        write_atomically(run.trial(number).record, record.to_json())
        begin_attempt(run.trial(number), 1)
    return run, notes


def elsewhere(run: RunFolder, notes: Sequence[OwnCodeNote], numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Run trials in a process that starts in another folder; return their ends."""
    words = [str(run.path), json.dumps([asdict(note) for note in notes]), *map(str, numbers)]
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *words],
        cwd=ROOT.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    return [json.loads(line.removeprefix("ended ")) for line in lines if line.startswith("ended ")]


@pytest.mark.parametrize("words", [PARTS, FUNCTION], ids=["parts", "function"])
def test_workers_need_no_file_of_the_users(mine: Path, tmp_path: Path, words: list[str]) -> None:
    run, notes = begun(tmp_path / "runs", words)
    mine.rename(tmp_path / "gone")
    ends = elsewhere(run, notes, [0, 1, 2])
    reasons = [end["reason"] for end in ends]
    outcomes = [end["outcome"] for end in ends]
    if words is PARTS:
        assert set(outcomes) <= {"learned", "failed"}, reasons
        assert all(len(list(read_history(run.trial(number).history))) >= 2 for number in range(3))
    else:
        assert outcomes == ["failed", "errored", "failed"], reasons
        # The traceback has the lines of a file that is nowhere.
        assert "# and so is this" in run.trial(1).output.read_text()


def test_workers_read_copies_from_a_bucket(mine: Path, tmp_path: Path, s3_storage: AnyPath) -> None:
    run, notes = begun(s3_storage, PARTS)
    mine.rename(tmp_path / "gone")
    (end,) = elsewhere(run, notes, [0])
    assert end["outcome"] in ("learned", "failed"), end["reason"]


def test_workers_execute_what_the_driver_has_read(mine: Path, tmp_path: Path) -> None:
    run, notes = begun(tmp_path / "runs", PARTS)
    for name in FILES:
        (mine / name).write_text("raise ZeroDivisionError\n")
    (end,) = elsewhere(run, notes, [0])
    assert end["outcome"] in ("learned", "failed"), end["reason"]


def first_end(run: RunFolder, notes: Sequence[OwnCodeNote]) -> dict[str, Any]:
    """Run a trial that cannot begin in this process; return its end."""
    num_threads = torch.get_num_threads()
    worker = Worker(run, device="cpu", num_threads=num_threads, keep="none", test=False, own_code=notes)
    worker.begin(0, 1)
    result = worker.advance()
    return {**json.loads(result["summary"]), "fault": result["fault"]}


@pytest.mark.parametrize("words", [PARTS, FUNCTION], ids=["parts", "function"])
@pytest.mark.parametrize("change", ["edited", "swapped", "outside", "digest"])
def test_workers_refuse_another_copy(mine: Path, tmp_path: Path, words: list[str], change: str) -> None:
    run, notes = begun(tmp_path / "runs", words)
    note, canary = notes[-1], tmp_path / "canary"
    place, hostile = run.own_code / note.digest, f"open({str(canary)!r}, 'w')\n"
    if change == "edited":
        (place / note.modules[0]).write_text(hostile)
    elif change == "swapped":
        (place / note.modules[-1]).write_text(hostile)
    else:
        (tmp_path / "hostile.py").write_text(hostile)
        wrong = {"modules": ["../../../../hostile.py"]} if change == "outside" else {"digest": "../../.."}
        notes[-1] = replace(note, **wrong)  # type: ignore[arg-type]
    end = first_end(run, notes)
    assert end["outcome"] == "errored"
    assert "UserError" in end["reason"]
    assert not canary.exists()


def test_a_missing_copy_is_a_fault_of_the_storage(mine: Path, tmp_path: Path) -> None:
    run, notes = begun(tmp_path / "runs", PARTS)
    shutil.rmtree(run.own_code)
    end = first_end(run, notes)
    assert end["outcome"] is None
    assert "own_code" in end["fault"]


@pytest.mark.parametrize("words", [PARTS, FUNCTION], ids=["parts", "function"])
def test_a_stored_run_uses_its_copies_where_the_user_says_so(
    mine: Path, tmp_path: Path, words: list[str]
) -> None:
    run, notes = begun(tmp_path / "runs", words)
    mine.rename(tmp_path / "gone")
    (tmp_path / "other").mkdir()
    os.chdir(tmp_path / "other")
    config = from_yaml(run.config)
    with pytest.raises(UserError, match="own_code=copies"), own_code_from("files", run, config.space):
        pass
    with own_code_from("copies", run, config.space):
        check_all(config)
        again = store_own_parts(config.space, read_own_parts(config.space), run)
    assert [note.digest for note in again] == [note.digest for note in notes]
    with pytest.raises(UserError):
        check_all(config)
    shutil.rmtree(run.own_code)
    with pytest.raises(UserError, match="no copy"), own_code_from("copies", run, config.space):
        pass


def test_a_changed_file_has_a_copy_of_its_own(mine: Path, tmp_path: Path) -> None:
    run, (task, net) = begun(tmp_path / "runs", PARTS)
    (mine / "own_layers.py").write_text(FILES["own_layers.py"] + "\n# edited\n")
    space = load(PARTS).space
    again = store_own_parts(space, read_own_parts(space), run)
    assert again[0] == task
    assert again[1].digest != net.digest
    assert store_of(run.path).list_folders(run.own_code) == sorted({task.digest, net.digest, again[1].digest})


def test_modules_of_one_name_are_refused(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "my_task.py").write_text(f"import own_layers\n{FILES['my_task.py']}")
    (other / "own_layers.py").write_text("")
    (other / "own_lags.py").write_text(FILES["own_lags.py"])
    words = [*PARTS[:2], f"task={other}/my_task.py:Task", *PARTS[3:]]
    with pytest.raises(UserError, match=r"own_layers\.py"):
        read_own_parts(load(words).space)
    (other / "own_layers.py").write_text(FILES["own_layers.py"])
    (other / "own_pack").symlink_to(mine / "own_pack")
    assert len(read_own_parts(load(words).space)) == 2
