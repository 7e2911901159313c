"""The search for the best recipe, with real processes: an interruption, a resume, and what is taken away."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import failmap
from failmap.run_folder.paths import WEIGHTS_FILE, RunFolder
from tests.search.processes.conftest import Driver, ended, records

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.xdist_group("ray")]

WORDS = (
    "goal=best",
    "task=adding",
    "task.sequence_length=5",
    "model.depth=1",
    "model.hidden_size={low: 4, high: 24, default: 8}",
    "train.learning_rate={low: 1e-4, high: 1e-1, log: true, default: 3e-3}",
    "train.max_updates=60",
    "train.evaluate_every=20",
    "budget.trials=32",
    "budget.minutes=none",
    "budget.seeds=3",
    "budget.leaders=2",
    "pruner=median",
    "halving.first_rung=1",
    "cluster.cpus=2",
    "run=best",
)


def best_of(cwd: Path, *words: str) -> str:
    command = [sys.executable, "-m", "failmap.search.best", "run=best", *words]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def test_from_an_interruption_to_the_best_recipe(start: Callable[..., Driver], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / "best")
    driver = start("search.run", *WORDS, cwd=tmp_path)
    driver.wait_for(lambda: folder.trials.exists() and len(ended(folder)) >= 8)
    driver.process.send_signal(signal.SIGINT)
    assert driver.end() == 130
    assert start("search.resume", "run=best", cwd=tmp_path).end() == 0
    found = records(folder)
    assert len(found) == 32
    assert all(record.outcome is not None for record in found)
    purposes = [record.purpose for record in found]
    assert purposes.count("default") == 1
    assert purposes.count("confirm") >= 4
    assert {record.outcome for record in found if record.purpose == "confirm"} <= {"learned", "failed"}
    told: dict[str, Any] = json.loads(best_of(tmp_path, "--json"))
    assert max(recipe["fresh_seeds"] for recipe in told["recipes"]) == 2
    assert told["best"] in {recipe["recipe_index"] for recipe in told["recipes"]}
    kept = {int(path.parent.name) for path in folder.trials.glob(f"*/{WEIGHTS_FILE}")}
    assert set(told["weights"]) <= kept
    assert 0 < len(kept) <= 12, "the leaders' and those of the named one"
    model = failmap.load_model("best", told["trial"], tmp_path / "runs")
    assert model.predict([[[0.5, 1.0]] * 5]).shape == (1,)
    table = pd.read_parquet(folder.table)
    (row,) = table[table.number == told["trial"]].to_dict("records")
    assert row["objective.score"] == row["best_score"]
    assert (folder.report / "index.html").exists()
    assert json.loads(folder.importance.read_text())["importances"]
    (tmp_path / "again.yaml").write_text(best_of(tmp_path, "as=yaml"))
    again = ("space=again.yaml", "budget.seeds=1", "budget.max_seeds=1", "run=again", "cluster.cpus=1")
    assert start("search.run", *again, cwd=tmp_path).end() == 0
    (repeated,) = records(RunFolder(tmp_path / "runs" / "again"))
    original = next(record for record in found if record.number == told["trial"])
    assert repeated.config["model"] == original.config["model"]
    assert repeated.config["train"] == original.config["train"]
    assert repeated.config["task"] == original.config["task"]
    code = best_of(tmp_path, "as=torch")
    checked = code + "\nimport torch\nprint(predict(model(torch.zeros(2, 5, 2))).shape[0])\n"
    ran = subprocess.run([sys.executable, "-c", checked], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "2"), ran.stderr
