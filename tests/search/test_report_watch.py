"""`report watch=true` follows a run whose driver lives, and ends with it."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.reporting import report
from failmap.search.config import RunConfig
from failmap.search.lease import acquire_lease, driver_of
from failmap.search.lease_terms import Owner
from failmap.search.loading import load, to_yaml
from tests.search.long_runs import PATIENCE_SECONDS
from tests.search.studies import ask, open_study


def write_config(folder: RunFolder) -> RunConfig:
    folder.path.mkdir(parents=True, exist_ok=True)
    config = load(["space=smoke", f"storage={folder.path.parent}", f"run={folder.name}"])
    folder.config.write_text(to_yaml(config))
    return config


def arguments_of(folder: RunFolder) -> list[str]:
    return [f"run={folder.name}", f"storage={folder.path.parent}", "watch=true"]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(20 * PATIENCE_SECONDS):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def test_the_page_follows_the_run_and_rests_at_its_end(folder: RunFolder) -> None:
    study = open_study(write_config(folder), folder)
    words = [sys.executable, "-m", "analysis.report", *arguments_of(folder)]
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


def test_a_run_whose_driver_died_is_not_waited_for(folder: RunFolder) -> None:
    write_config(folder)
    dead = replace(Owner.this_process(), started=Owner.this_process().started - 1)
    lease = acquire_lease(folder, print, owner=dead)
    assert driver_of(folder) == dead
    assert report(arguments_of(folder)) == 0
    lease.release()
    assert 'http-equiv="refresh"' not in (folder.report / "index.html").read_text()


def test_an_interrupt_leaves_a_page_that_rests(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(folder)
    lease = acquire_lease(folder, print)
    pages = []

    def interrupt(seconds: float) -> None:
        pages.append((folder.report / "index.html").read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr("failmap.search.commands.reporting.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        report(arguments_of(folder))
    lease.release()
    assert ['http-equiv="refresh"' in page for page in pages] == [True]
    assert 'http-equiv="refresh"' not in (folder.report / "index.html").read_text()


def test_watching_prints_no_json(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="watch=true"):
        report(["run=no", f"storage={tmp_path}", "watch=true"], as_json=True)
