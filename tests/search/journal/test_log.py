import json
import math
import pickle
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import AnyPath
from failmap.search.journal.log import Journal, open_log


def open_journal(path: AnyPath, notice: Callable[[str], None] = print) -> Journal:
    return open_log(path, "run", notice, lambda: None)


def begin(path: AnyPath) -> tuple[BaseStorage, int]:
    storage = open_journal(path).storage
    return storage, storage.create_new_study([StudyDirection.MAXIMIZE], "run")


@contextmanager
def disk_that_is_full_after(num_bytes: int) -> Iterator[None]:
    """Limit files to this many bytes: the write that crosses the limit is partial."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_optuna_reads_the_file(tmp_path: Path) -> None:
    storage, study_id = begin(tmp_path / "journal.log")
    trial_id = storage.create_new_trial(study_id)
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.5])
    backend = JournalFileBackend(str(tmp_path / "journal.log"))
    study = optuna.load_study(study_name=None, storage=JournalStorage(backend))
    assert study.best_value == 0.5


def test_round_trip(tmp_path: Path) -> None:
    storage, study_id = begin(tmp_path / "journal.log")
    for number in range(3):
        trial_id = storage.create_new_trial(study_id)
        storage.set_trial_user_attr(trial_id, "seed", number)
        storage.set_trial_intermediate_value(trial_id, 50, number / 2)
    reopened = open_journal(tmp_path / "journal.log").storage
    assert reopened.get_all_trials(study_id) == storage.get_all_trials(study_id)


@pytest.mark.parametrize("line", ["{torn\n", "[]\n", '{"op_code": "four"}\n', '{"op_code": 4}\n', "\0\0\n"])
def test_corrupt_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.log"
    storage, study_id = begin(path)
    storage.create_new_trial(study_id)
    first, second = path.read_text().splitlines(keepends=True)
    path.write_text(first + line + second)
    with pytest.raises(UserError, match="line 2 is corrupt"):
        open_journal(path)
    assert path.read_text() == first + line + second


def test_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    begin(path)
    whole = path.read_text()
    path.write_text(whole + '{"op_code": 4, "stu')
    lines: list[str] = []
    open_journal(path, lines.append)
    assert path.read_text() == whole
    assert ["19 bytes" in line for line in lines] == [True]


def test_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage, study_id = begin(path)
    trial_id = storage.create_new_trial(study_id)
    whole = path.read_text()
    with disk_that_is_full_after(len(whole) + 20), pytest.raises(OSError, match="File too large"):
        storage.set_trial_user_attr(trial_id, "summary", "x" * 100)
    assert path.read_text() == whole
    storage.set_trial_user_attr(trial_id, "summary", "there is room again")
    reopened = open_journal(path).storage
    assert reopened.get_trial(trial_id).user_attrs == {"summary": "there is room again"}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_are_not_finite_survive(tmp_path: Path, value: float) -> None:
    path = tmp_path / "journal.log"
    storage, study_id = begin(path)
    trial_id = storage.create_new_trial(study_id)
    storage.set_trial_intermediate_value(trial_id, 1, value)
    storages = [open_journal(path).storage, JournalStorage(JournalFileBackend(str(path)))]
    found = [one.get_trial(trial_id).intermediate_values[1] for one in storages]
    assert list(map(repr, found)) == [repr(value)] * 2


def test_what_is_no_json_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage, study_id = begin(path)
    with pytest.raises(TypeError, match="not JSON serializable"):
        storage.set_study_user_attr(study_id, "score", object())
    assert [json.loads(line)["op_code"] for line in path.read_text().splitlines()] == [0]


def test_copy_in_another_process_only_reads(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage, study_id = begin(path)
    trial_id = storage.create_new_trial(study_id)
    copied = pickle.loads(pickle.dumps(storage))
    assert copied.get_all_trials(study_id) == storage.get_all_trials(study_id)
    before = path.read_text()
    with pytest.raises(AssertionError, match="only read"):
        copied.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.5])
    assert path.read_text() == before
