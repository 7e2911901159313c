"""Decisions in a real PostgreSQL server."""

import gc
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import psycopg
import pytest
from optuna.storages import BaseStorage
from optuna.testing.pytest_storages import StorageTestCase
from pydantic import SecretStr

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.search.config import RunConfig
from failmap.search.journal.address import read_address
from failmap.search.journal.database import open_database
from failmap.search.journal.log import Journal
from failmap.search.lease_terms import LeaseTiming, Owner, Terms
from failmap.search.loading import to_yaml
from failmap.search.study import Study

pytestmark = pytest.mark.xdist_group("postgres")

LEARNED = Summary("learned", "criterion met", updates=700, score=0.97, best_score=0.97, target_score=0.95)
PASSWORD = "correct-horse"

#: Asks for three trials, tells one, and waits to be killed.
DRIVER = """
import sys
from pathlib import Path
from failmap.run_folder.records import Summary
from failmap.run_folder.paths import RunFolder
from failmap.search.loading import from_yaml
from failmap.search.study import Study
folder = RunFolder(Path(sys.argv[1]))
study = Study.open(from_yaml(folder.config), folder, print)
starts = [study.ask() for _ in range(3)]
study.tell(1, Summary("learned", "criterion met", score=0.9))
print("killed in the middle", flush=True)
sys.stdin.read()
"""

OpenStudy = Callable[..., Study]


@pytest.fixture
def config(make_config: Callable[..., RunConfig], database: str) -> RunConfig:
    address, password = read_address(database)
    return make_config(journal=address, journal_password=password)


@pytest.fixture
def open_study() -> Iterator[OpenStudy]:
    opened: list[Study] = []

    def open_it(config: RunConfig, folder: RunFolder) -> Study:
        opened.append(Study.open(config, folder, print))
        return opened[-1]

    yield open_it
    for study in opened:
        study.close()


def test_optuna_reads_the_study(
    config: RunConfig, folder: RunFolder, database: str, open_study: OpenStudy
) -> None:
    study = open_study(config, folder)
    start = study.ask()
    assert start is not None
    study.requeue_after_fault(start.number, "out_of_memory", "line one\n" + "x" * 10_000, halve_batch=True)
    again = study.ask()
    assert again is not None
    assert (again.number, again.attempt) == (0, 2)
    assert again.config.train.batch_size == int(start.config.train.batch_size) // 2
    study.tell(0, LEARNED)
    record = TrialRecord.from_json(folder.trial(0).record.read_text())
    assert (len(record.faults[0].reason), record.batch_halvings) == (500, 1)
    assert not folder.journal.exists()
    storage = optuna.storages.RDBStorage(database.replace("postgresql://", "postgresql+psycopg://"))
    assert optuna.load_study(study_name="tiny", storage=storage).best_value == 0.97
    storage.remove_session()
    storage.engine.dispose()


def test_killed_driver(
    config: RunConfig, folder: RunFolder, monkeypatch: pytest.MonkeyPatch, open_study: OpenStudy
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    folder.path.mkdir(parents=True)
    folder.config.write_text(to_yaml(config))
    command = [sys.executable, "-c", DRIVER, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "killed in the middle\n"
        driver.send_signal(signal.SIGKILL)
    study = open_study(config, folder)
    assert study.known.outcomes() == {"learned": 1, None: 2}
    asked = [study.ask() for _ in range(3)]
    assert [(start.number, start.attempt) for start in asked if start] == [(0, 2), (2, 2), (3, 1)]


def test_runs_share_a_database(config: RunConfig, tmp_path: Path, open_study: OpenStudy) -> None:
    open_study(config, RunFolder(tmp_path / "here" / "tiny"))
    open_study(config, RunFolder(tmp_path / "here" / "another"))
    with pytest.raises(UserError, match="its study tiny belongs to another run"):
        open_study(config, RunFolder(tmp_path / "there" / "tiny"))


def test_renamed_folder(config: RunConfig, folder: RunFolder, open_study: OpenStudy) -> None:
    study = open_study(config, folder)
    assert study.ask()
    study.close()
    renamed = RunFolder(folder.path.rename(folder.path.with_name("renamed")))
    start = open_study(config, renamed).ask()
    assert start is not None
    assert (start.number, start.attempt) == (0, 2)


def test_lost_study(config: RunConfig, folder: RunFolder, database: str, open_study: OpenStudy) -> None:
    study = open_study(config, folder)
    assert study.ask()
    study.close()
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    with pytest.raises(UserError, match="has no study tiny, which holds the decisions of this run"):
        open_study(config, folder)


def test_refused_password_is_not_shown(
    config: RunConfig, folder: RunFolder, monkeypatch: pytest.MonkeyPatch, open_study: OpenStudy
) -> None:
    wrong = config.model_copy(update={"journal_password": SecretStr("battery-staple")})
    with pytest.raises(UserError, match="password authentication failed") as raised:
        open_study(wrong, folder)
    assert len(raised.value.problems) == 1
    assert "battery" not in str(raised.value)


def test_absent_server(config: RunConfig, folder: RunFolder, open_study: OpenStudy) -> None:
    nowhere = config.model_copy(update={"journal": "postgresql://owner@127.0.0.1:1/runs"})
    with pytest.raises(
        UserError, match=r"journal=postgresql://\*\*\*@127\.0\.0\.1:1/runs: .*refused.*search.resume"
    ):
        open_study(nowhere, folder)


def test_broken_connection_is_restored(
    config: RunConfig, folder: RunFolder, database: str, open_study: OpenStudy
) -> None:
    study = open_study(config, folder)
    start = study.ask()
    assert start is not None
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    study.tell(start.number, LEARNED)
    assert study.known.outcomes() == {"learned": 1}


def test_superseded_driver_commits_nothing(
    config: RunConfig, folder: RunFolder, database: str, open_study: OpenStudy
) -> None:
    """A driver elsewhere takes over the run, and this one notices before its next commit."""
    study = Study.open(config, folder, print, timing=LeaseTiming(beat_seconds=0.001, watch_seconds=1.0))
    start = study.ask()
    assert start is not None
    assert Terms(folder).create(2, replace(Owner.this_process(), host="elsewhere"), "its token")
    for write in (study.ask, lambda: study.tell(start.number, LEARNED)):
        with pytest.raises(UserError, match=r"was taken over by process \d+ on host elsewhere"):
            write()
    with psycopg.connect(database) as connection:
        trials = connection.execute("SELECT state FROM trials").fetchall()
        assert trials == [("RUNNING",)]
    study.close()


@pytest.fixture(scope="module")
def shared_journal(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    folder.trials.mkdir(parents=True)
    journal = open_database(*read_address(f"{postgres}postgres"), folder, lambda: None)
    yield journal
    journal.close()
    # What is left of the contract's copies is collected here, not in another module's test.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")
class TestOptunasContract(StorageTestCase):
    """As in tests/conformance/test_optuna_storages.py.

    Optuna never closes the connections of a storage's pickled copy: they warn whenever they are collected.
    """

    @pytest.fixture
    def storage(self, shared_journal: Journal) -> BaseStorage:
        """The contract starts without studies, a run's journal with the run's."""
        for study in shared_journal.storage.get_all_studies():
            shared_journal.storage.delete_study(study._study_id)
        return shared_journal.storage
