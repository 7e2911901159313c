"""`report watch=true` follows a run whose driver lives, and ends with it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from failmap.run_folder.paths import RunFolder
from failmap.search.loading import load, to_yaml
from tests.search.long_runs import PATIENCE_SECONDS
from tests.search.studies import ask, open_study


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(20 * PATIENCE_SECONDS):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def test_the_page_follows_the_run_and_rests_at_its_end(tmp_path: Path) -> None:
    config = load(["space=smoke", f"storage={tmp_path}", "run=mine"])
    folder = RunFolder(tmp_path / "mine")
    folder.path.mkdir()
    folder.config.write_text(to_yaml(config))
    study = open_study(config, folder)
    words = [sys.executable, "-m", "analysis.report", "run=mine", f"storage={tmp_path}", "watch=true"]
    process = subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        page = folder.report / "index.html"
        wait_for(page.exists, process)
        assert '<meta http-equiv="refresh"' in page.read_text()
        ask(study)
        wait_for(lambda: '"trials":{"0"' in page.read_text(), process)
        study.close()
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert 'http-equiv="refresh"' not in page.read_text()
    assert output.count(str(page)) == 2


def test_watching_prints_no_json(tmp_path: Path, capsys: Any) -> None:
    words = [sys.executable, "-m", "analysis.report", "run=no", f"storage={tmp_path}", "watch=true", "--json"]
    assert subprocess.run(words, capture_output=True).returncode == 2
