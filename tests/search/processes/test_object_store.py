"""A whole run in a bucket, by the programs that users type, against a real S3 server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from failmap.analysis.load import find_run, load_run
from failmap.run_folder.storage import AnyPath, store_of

ROOT = Path(__file__).parents[3]


@pytest.mark.ray
def test_a_run_in_a_bucket_is_begun_and_gone_on_with(
    s3_storage: AnyPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILMAP_CACHE", str(tmp_path / "cache"))

    def run(module: str, *words: str) -> str:
        process = subprocess.run(
            [sys.executable, "-m", module, "run=mine", f"storage={s3_storage}", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert process.returncode == 0, process.stdout
        return process.stdout

    run("search.run", "space=smoke", "budget.trials=1", "cluster.cpus=1")
    told = run("search.resume", "budget.trials=2")
    assert f"storage={s3_storage}" in told, "the commands that are shown find the run"
    assert f"report: {s3_storage}/mine/report/index.html" in told
    folder = find_run("mine", str(s3_storage))
    assert [record.attempt for record in load_run(folder).records] == [1, 1]
    assert all(load_run(folder).history(number) for number in (0, 1))
    files = store_of(folder.path).list_files(folder.path)
    assert {"journal.log/000001.jsonl", "journal.log/000002.jsonl", "report/index.html"} <= set(files)
    assert not [name for name in files if "checkpoint" in name], "what has ended needs none"
    assert not list(tmp_path.glob("s3:*")), "nothing took the address for a path"
