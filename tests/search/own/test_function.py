"""Where a training function is, and what is told before a run about one that cannot be called."""

from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.own_import import refuse_while_importing
from failmap.search.own.config import OwnFunction
from failmap.search.own.function import check_function, location_of, parse_function

GOOD = "STATE = []\n\n\ndef train(config, trial):\n    STATE.append(config)\n    return len(STATE)\n"


def written(folder: Path, text: str, name: str = "own_module.py") -> OwnFunction:
    (folder / name).write_text(text)
    function, where = parse_function(f"{folder / name}:train")
    return OwnFunction(function=function, folder=where, score=1.0)


def test_file_and_module_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(GOOD)
    assert parse_function(f"{tmp_path}/f.py:train") == ("f.py:train", str(tmp_path.resolve()))
    assert parse_function("package.module:train") == ("package.module:train", None)


@pytest.mark.parametrize("text", ["train", "f.py", "f.py:", ":train", "f.py:a b", "a-b:train"])
def test_anything_else_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^train="):
        parse_function(text)


def test_missing_file_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "my_train.py").write_text(GOOD)
    with pytest.raises(UserError, match=r"did you mean my_train\.py"):
        parse_function(f"{tmp_path}/my_trian.py:train")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def tarin(config, trial): pass\n", "did you mean tarin"),
        ("train = 3\n", "of type int"),
        ("def train(config): pass\n", r"takes \(config\)"),
        ("def train(config, trial, more): pass\n", r"takes \(config, trial, more\)"),
        ("def train(config, trial): yield\n", "plain function"),
        ("async def train(config, trial): pass\n", "plain function"),
        ("import nothing_of_this_name\n", "line 1: ModuleNotFoundError"),
        ("x = 1\nraise SystemExit(3)\n", "line 2: SystemExit: 3"),
        ("def train(config, trial:\n", "line 1: SyntaxError"),
        ("open('/no/such/file')\n", "FileNotFoundError"),
    ],
)
def test_function_that_cannot_be_called_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        check_function(written(tmp_path, text))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("train=own_module.py:train: ")


def test_good_function_may_be_any_callable(tmp_path: Path) -> None:
    check_function(written(tmp_path, GOOD, "good_one.py"))
    text = "class Train:\n    def __call__(self, config, trial, more=1): pass\n\n\ntrain = Train()\n"
    check_function(written(tmp_path, text, "good_two.py"))
    check_function(OwnFunction(function="operator:add", score=1.0))


def test_run_within_the_import_of_its_own_file_is_refused(tmp_path: Path) -> None:
    refuse_while_importing()
    text = (
        "import failmap\n\n\ndef train(config, trial): pass\n\n\n"
        "failmap.run_function(train, {'map': {}, 'axes': {}})\n"
    )
    with pytest.raises(UserError, match="__name__"):
        check_function(written(tmp_path, text, "unguarded.py"))


def top_level(config: object, trial: object) -> None:
    pass


def test_function_in_python_is_found_by_its_file() -> None:
    assert location_of(top_level) == f"{Path(__file__).resolve()}:top_level"
    with pytest.raises(UserError, match="top level"):
        location_of(lambda config, trial: None)
    with pytest.raises(UserError, match="top level"):
        location_of(print)
