"""Folders of new runs."""

from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.new_run import create_run_folder, report_disk_errors, resume_command
from failmap.search.trial.history import begin_attempt, current_attempt


def test_existing_run_is_refused(folder: RunFolder) -> None:
    create_run_folder(folder)
    folder.config.write_text("run: tiny\n")
    with pytest.raises(UserError, match=r"exists already: .* python -m search\.resume run=tiny"):
        create_run_folder(folder)


def test_resume_command() -> None:
    assert resume_command(RunFolder(Path("runs/a"))) == "python -m search.resume run=a"
    assert resume_command(RunFolder(Path("/big/disk/a"))) == "python -m search.resume run=a storage=/big/disk"


def test_disk_error_is_one_line(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="No space left on device") as caught, report_disk_errors(folder):
        raise OSError(28, "No space left on device", "runs/tiny/journal.log")
    assert len(caught.value.problems) == 1
    assert "\n" not in caught.value.problems[0]


def test_attempts(folder: RunFolder) -> None:
    trial = folder.trial(3)
    assert current_attempt(trial) == 0
    begin_attempt(trial, 1)
    begin_attempt(trial, 2)
    assert current_attempt(trial) == 2
