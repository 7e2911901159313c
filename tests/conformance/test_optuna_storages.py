"""Optuna's own contract of storages, on a run's journal; tests/search/journal has it for a database."""

from pathlib import Path

import pytest
from optuna.storages import BaseStorage
from optuna.testing.pytest_storages import StorageTestCase

from failmap.run_folder.storage import AnyPath
from failmap.search.journal.log import open_log


def storage_in(place: AnyPath) -> BaseStorage:
    return open_log(place / "journal.log", "run", print, lambda: None).storage


class TestJournalOnDisk(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> BaseStorage:
        return storage_in(tmp_path)


@pytest.mark.long
class TestJournalInObjectStore(StorageTestCase):
    @pytest.fixture
    def storage(self, s3_storage: AnyPath) -> BaseStorage:
        return storage_in(s3_storage)
