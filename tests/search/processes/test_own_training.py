"""The search over an own training function, with real processes: an interruption, faults, a resume."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from failmap.run_folder.paths import RunFolder
from tests.search.processes.conftest import Driver, ended, history, records

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.xdist_group("ray")]

TRAIN = """
import os
import sys
import time

import torch


def train(config, trial):
    print("trial", trial.number, "begins at", trial.first_update)
    if config["kind"] == "raises":
        open("/no/such/file")
    if config["kind"] == "exits":
        sys.exit(3)
    if config["kind"] == "dies":
        os._exit(1)
    done = 0 if trial.state is None else int(trial.state["done"])
    assert done == trial.first_update
    for update in range(trial.first_update, config["loop.updates"]):
        time.sleep(0.03)
        done += 1
        if update % 5 == 4:
            score = 1.0 if config["kind"] == "learns" and update >= 40 else torch.rand(1).item() / 2
            state = {"done": torch.tensor(done)}
            if trial.report(update=update, score=score, state=state, began_at=trial.first_update):
                return
"""
SPACE = """
question: Which kind learns?
map: {x: lag, y: kind}
axes:
  lag: [1, 2]
  kind: [learns, fails, raises, exits, dies]
fixed: {loop.updates: 80}
learned: {score: 0.9}
"""
NET = """
from torch import nn
from my_layers import readout

class Net(nn.Module):
    def __init__(self, input_size, output_size, width):
        super().__init__()
        self.gru = nn.GRU(input_size, width, batch_first=True)
        self.readout = readout(width, output_size)

    def forward(self, inputs):
        return self.readout(self.gru(inputs)[0][:, -1])
"""
LAYERS = "from torch import nn\n\ndef readout(*sizes):\n    return nn.Linear(*sizes)\n"
TASK = """
import torch

class Task:
    kind = "number"
    input_size = output_size = num_steps = 1

    def __init__(self, scale):
        self.scale = scale

    def draw(self, num, generator):
        inputs = torch.rand(num, 1, 1, generator=generator)
        return inputs, self.scale * inputs[:, 0, 0]
"""
WORDS = ("budget.seeds=2", "budget.max_seeds=2", "cluster.cpus=2", "cluster.retries={lost: 0}", "run=own")


def test_own_function_from_an_interruption_to_the_map(start: Callable[..., Driver], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "my_train.py").write_text(TRAIN)
    (tmp_path / "my_space.yaml").write_text(SPACE)
    words = ("train=mine/my_train.py:train", "space=my_space.yaml")
    folder = RunFolder(tmp_path / "runs" / "own")
    driver = start("search.run", *words, *WORDS, cwd=tmp_path)
    driver.wait_for(lambda: len(history(folder, 1)) >= 2 if folder.trial(1).history.exists() else False)
    driver.process.send_signal(signal.SIGINT)
    assert driver.end() == 130, driver.output
    interrupted = [record.number for record in records(folder) if record.outcome is None]
    assert interrupted

    resumed = start("search.resume", "run=own", cwd=tmp_path)
    assert resumed.end() == 0, resumed.output
    assert "Traceback" not in resumed.output
    outcomes = {"learns": "learned", "fails": "failed"}
    assert len(ended(folder)) == len(records(folder)) >= 20
    for record in records(folder):
        assert record.outcome == outcomes.get(str(record.cell["kind"]), "errored"), record
    began = {}
    for record in records(folder):
        if record.outcome in ("learned", "failed"):
            lines = history(folder, record.number)
            last = 44 if record.outcome == "learned" else 79
            expected = list(range(4, last + 1 + 5 * (record.outcome == "learned"), 5))
            assert [line["update"] for line in lines] == expected
            began[record.number] = lines[-1]["signals"]["began_at"]
    assert any(began[number] > 0 for number in interrupted), "some trial went on from its state"
    assert {update for number, update in began.items() if number not in interrupted} == {0}

    reasons = {
        str(record.cell["kind"]): record.summary.reason for record in records(folder) if record.summary
    }
    assert "FileNotFoundError" in reasons["raises"]
    assert "SystemExit" in reasons["exits"]
    failed = next(record.number for record in records(folder) if record.cell["kind"] == "raises")
    printed = folder.trial(failed).output.read_text()
    assert f"trial {failed} begins at 0" in printed
    assert "my_train.py" in printed

    table = pd.read_parquet(folder.table)
    assert {"lag", "kind"} <= set(table)
    assert not any(name.startswith(("settings.", "own.")) for name in table)
    session = json.loads(folder.provenance.read_text())["sessions"][0]
    (path,) = session["files"]
    assert path == str(tmp_path / "mine" / "my_train.py")
    assert session["files"][path]["bytes"] == len(TRAIN)
    title = (folder.report / "index.html").read_text()
    assert "my_train.py:train" in title
    assert "raw score" in title


def test_own_network_and_task_whose_files_the_workers_do_not_see(
    start: Callable[..., Driver], tmp_path: Path
) -> None:
    mine, here = tmp_path / "mine", tmp_path / "here"
    here.mkdir()
    mine.mkdir()
    for name, text in (("my_net.py", NET), ("my_layers.py", LAYERS), ("my_task.py", TASK)):
        (mine / name).write_text(text)
    words = ("model=../mine/my_net.py:Net", "model.args.width=4,8", "task=../mine/my_task.py:Task")
    train = ("train.max_updates=20", "train.evaluate_every=10", "train.learning_rate=1e-4")
    budget = ("goal=grid", "budget.trials=12", "budget.seeds=4", "cluster.cpus=2", "run=own")
    folder = RunFolder(here / "runs" / "own")
    driver = start("search.run", *words, "task.args.scale=1,2", *train, *budget, cwd=here)
    # Ray has not been started yet.
    driver.wait_for(lambda: folder.provenance.exists())
    mine.rename(tmp_path / "gone")
    assert driver.end() == 0, driver.output
    assert [record.outcome for record in records(folder)] == ["failed"] * 12, driver.output

    refused = start("search.resume", "run=own", "budget.trials=14", cwd=here)
    assert refused.end() == 2, refused.output
    assert "own_code=copies" in refused.output
    resumed = start("search.resume", "run=own", "budget.trials=14", "own_code=copies", cwd=here)
    assert resumed.end() == 0, resumed.output
    rescued = start("search.rescue", "run=own", "budget.trials=1", "seeds=1", "own_code=copies", cwd=here)
    assert rescued.end() == 0, rescued.output
    assert [record.outcome for record in records(folder)] == ["failed"] * 15, rescued.output
