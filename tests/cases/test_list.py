"""The list of cases: each has its tests, and its command is still one."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from failmap.search.loading import read_request
from failmap.search.loading.request import Request

LIST = Path(__file__).parent / "cases.yaml"
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in yaml.safe_load(LIST.read_text())}
SHORT = {
    "$ONE": "model.depth=1 model.hidden_size=16",
    "$FC": "task.target=forecasting task.sequence_length=12",
}


def request(command: str, folder: Path) -> Request:
    for short, words in {**SHORT, "PATH": str(folder)}.items():
        command = command.replace(short, words)
    program, _, *words = command.split()
    assert program == "failmap"
    return read_request(words)


@pytest.mark.parametrize("name", CASES)
def test_case_has_its_tests(name: str, inputs: Path) -> None:
    assert request(CASES[name]["command"], inputs).config
    for test in CASES[name]["tests"]:
        module, _, function = test.partition("::")
        assert callable(getattr(import_module(f"tests.cases.{Path(module).stem}"), function))


def test_no_case_is_missing() -> None:
    assert len(CASES) == 20
    files = LIST.parent.glob("test_*.py")
    named = {test.partition("::")[0] for case in CASES.values() for test in case["tests"]}
    assert named == {file.name for file in files} - {Path(__file__).name}
