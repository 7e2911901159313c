"""Numbers, words and paths are read as people mean them, in arguments and in files."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.errors import UserError
from failmap.search.loading import from_yaml, load, to_yaml
from failmap.search.loading.cli_args import parse_yaml
from failmap.search.space import Space


def setting(space: Space, path: str) -> Any:
    group, _, name = path.partition(".")
    return space.base[group][name]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("train.batch_size=010", 10),
        ("train.batch_size=1e2", 100),
        ("train.batch_size=+7", 7),
        ("train.learning_rate=1e-3", 1e-3),
        ("train.learning_rate=.5", 0.5),
        ("train.learning_rate=00.25", 0.25),
        ("model.residual=yes", True),
        ("model.residual=off", False),
        ("model.start_from=no/1", "no/1"),
        ("train.clip_norm=none", None),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_scalars(argument: str, value: Any, in_file: bool, tmp_path: Path) -> None:
    path, _, text = argument.partition("=")
    axes = "train.learning_rate=3e-3"
    if in_file:
        content = f"""
            task: adding
            model: lstm
            map: {{x: task.sequence_length, y: model.depth}}
            axes: {{task.sequence_length: [05, 10], model.depth: [1]}}
            fixed: {{{path}: {text}}}
        """
        (tmp_path / "own.yaml").write_text(content)
        space = load([f"space={tmp_path / 'own.yaml'}"]).space
        assert space.axis("task.sequence_length").values == (5, 10)
    else:
        space = load([argument, *([] if path == "train.learning_rate" else [axes])]).space
    held = setting(space, path)
    assert held == value
    assert type(held) is type(value)


@pytest.mark.parametrize("text", ["on", "no", "010", "2020", "1:30", "null_", "0o17", "2020-01-02"])
def test_texts_stay_texts(text: str) -> None:
    config = load(["task=array_file", "task.path=a.csv", f"task.group_column={text}"])
    assert setting(config.space, "task.group_column") == text


@pytest.mark.parametrize("text", ["1:30", "0o17", "0b1", "on", "1.5"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"^train.batch_size={text}: ") as error:
        load([f"train.batch_size={text}"])
    assert len(error.value.problems) == 1


@given(st.integers(0, 4), st.integers(1, 10**6))
def test_leading_zeros_do_not_count(num_zeros: int, number: int) -> None:
    config = load(["space=smoke", f"train.batch_size={'0' * num_zeros}{number}"])
    assert setting(config.space, "train.batch_size") == number


@given(st.text(st.sampled_from("01289.:eE+-_xobnyaif~"), min_size=1, max_size=8))
def test_a_stored_text_is_read_back(text: str) -> None:
    config = load(["task=array_file", "task.path=a.csv"])
    task = config.space.base["task"] | {"group_column": text}
    changed = config.model_copy(
        update={"space": config.space.model_copy(update={"base": {**config.space.base, "task": task}})}
    )
    assert from_yaml(to_yaml(changed)).space.base["task"]["group_column"] == text


def test_a_key_that_is_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse_yaml("a: 1\na: 2")


def test_a_file_with_a_comma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    several = load(["task=array_file", "task.path=a.csv,b.csv"])
    assert several.space.axis("task.path").values == ("a.csv", "b.csv")
    for name in ("a,b.csv", "a #2.csv"):
        Path(name).touch()
        with pytest.raises(UserError) as error:
            load(["task=array_file", f"task.path={name}"])
        (problem,) = error.value.problems
        quoted = f'task.path="{name}"'
        assert f"'{quoted}'" in problem
        assert setting(load(["task=array_file", quoted]).space, "task.path") == name
