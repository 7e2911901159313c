"""Inputs of the cases, written once for all tests."""

from pathlib import Path

import pytest

from tests.cases.make_inputs import write_inputs


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    write_inputs(folder)
    return folder
