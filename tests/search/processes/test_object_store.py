"""A whole run in a bucket over a file of the user's, by the programs that users type, on a real S3 server."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from failmap.analysis.load import find_run, load_run
from failmap.run_folder.storage import AnyPath, store_of
from tests.search.long_runs import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]


@pytest.mark.ray
@pytest.mark.long
def test_run_in_a_bucket_resumes_after_its_file_changed(
    s3_storage: AnyPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILMAP_CACHE", str(tmp_path / "cache"))

    def run(module: str, *words: str) -> str:
        process = subprocess.run(
            [sys.executable, "-m", module, "run=mine", f"storage={s3_storage}", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert process.returncode == 0, process.stdout
        return process.stdout

    inputs = np.random.RandomState(0).normal(size=(1200, 6, 2))
    np.savez(tmp_path / "my.npz", inputs=inputs, targets=inputs.sum((1, 2)) > 0)
    words = ["task=array_file", "task.path=my.npz", "model.depth=1", "model.hidden_size=4"]
    told = run(
        "search.run",
        *words,
        "train.max_updates=50",
        "train.evaluate_every=25",
        "budget.trials=1",
        "cluster.cpus=1",
    )
    assert "space=my_data, the default for task=array_file" in told

    np.savez(tmp_path / "my.npz", inputs=inputs + 1, targets=inputs.sum((1, 2)) > 0)
    told = run("search.resume", "budget.trials=2")
    assert "warning: my.npz has changed since the last session" in told
    assert f"storage={s3_storage}" in told, "the commands that are shown find the run"
    assert f"report: {s3_storage}/mine/report/index.html" in told
    folder = find_run("mine", str(s3_storage))
    records = load_run(folder).records
    assert [record.attempt for record in records] == [1, 1]
    assert {record.summary.outcome for record in records if record.summary} <= {"learned", "failed"}, (
        "trials find the file from where the user has started"
    )
    assert all(load_run(folder).history(number) for number in (0, 1))
    files = store_of(folder.path).list_files(folder.path)
    assert {"journal.log/000001.jsonl", "journal.log/000002.jsonl", "report/index.html"} <= set(files)
    assert not [name for name in files if "checkpoint" in name], "what has ended needs none"
    assert not list(tmp_path.glob("s3:*")), "nothing took the address for a path"
