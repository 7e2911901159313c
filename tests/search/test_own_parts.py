"""A run of an own network on an own task: mistakes before Ray, a training without it, provenance, jobs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.run_folder.records import read_history
from failmap.search.cluster.job_package import WORKING_DIR, ship
from failmap.search.input_checks import states_of_code, states_of_files
from failmap.search.loading import from_yaml, load, read_request, to_yaml
from failmap.search.own_parts import check_own, own_references, read_own_parts, store_own_parts
from failmap.search.provenance import begin_session
from failmap.search.trial.session import TrialSession

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, input_size, output_size, width=16, depth=1):
        super().__init__()
        self.lstm = nn.LSTM(input_size, width, depth, batch_first=True)
        self.head = nn.Linear(width, output_size)

    def forward(self, inputs):
        _, (last, _) = self.lstm(inputs)
        return self.head(last[-1])

class TimeFirst(Net):
    def __init__(self, input_size, output_size, width=16):
        super().__init__(input_size, output_size, width)
        self.lstm = nn.LSTM(input_size, width)

    def forward(self, inputs):
        return self.head(self.lstm(inputs)[0][:, -1])

class NoModule:
    pass
"""
TASK = """
import torch

class Task:
    kind = "number"
    input_size = output_size = 1

    def __init__(self, lag=3):
        self.lag, self.num_steps = lag, lag + 1

    def draw(self, num, generator):
        inputs = torch.rand(num, self.num_steps, 1, generator=generator)
        return inputs, inputs[:, -self.lag, 0]

class Constant(Task):
    def draw(self, num, generator):
        inputs, targets = super().draw(num, generator)
        return inputs, targets * 0

class Unclear:
    pass
"""
WORDS = ["model=my_net.py:Net", "model.args.width=8,16", "task=my_task.py:Task", "task.args.lag=2,5"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, in which everything is started."""
    (tmp_path / "my_net.py").write_text(NET)
    (tmp_path / "my_task.py").write_text(TASK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def problems(*words: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        check_own(load(words))
    return list(caught.value.problems)


def test_arguments_of_own_code_are_axes_and_take_the_places_on_the_map() -> None:
    request = read_request([*WORDS, "model.args.depth=2"])
    space = request.config.space
    assert (space.map.x, space.map.y, space.map.facet) == ("task.args.lag", "model.args.width", None)
    assert len(request.notes) == 3
    configs = [space.trial_config(cell, space.default_recipe(cell), 0) for cell in space.cells()]
    assert [config.task.args for config in configs] == [{"lag": 2}, {"lag": 5}] * 2  # type: ignore[attr-defined]
    assert configs[0].model.args == {"width": 8, "depth": 2}  # type: ignore[attr-defined]
    assert configs[0].output.loss == "mse"
    assert from_yaml(to_yaml(request.config)) == request.config
    check_own(request.config)


def test_a_stored_run_can_be_read_without_the_file(folder: Path) -> None:
    text = to_yaml(load(WORDS))
    (folder / "my_task.py").unlink()
    (folder / "my_net.py").unlink()
    space = from_yaml(text).space
    config = space.trial_config(next(space.cells()), {"train.learning_rate": 0.003}, 0)
    assert (config.task.target_kind, config.task.target_layout) == ("number", "sequence")
    with pytest.raises(UserError, match=r"my_task\.py"):
        check_own(from_yaml(text))


def test_an_argument_may_be_a_range_and_have_the_name_of_a_key_of_an_axis() -> None:
    words = [
        "model.args.low=3",
        "model.args.rate.low=0.1",
        "model.args.rate.high=0.5",
        "model.args.rate.default=0.2",
    ]
    space = load([*WORDS, *words]).space
    assert space.base["model"]["args"] == {"low": 3}
    assert space.axis("model.args.rate").high == 0.5


def test_a_space_file_may_name_own_code(folder: Path) -> None:
    (folder / "my_space.yaml").write_text(
        "question: How far back?\ntask: my_task.py:Task\nmodel: my_net.py:Net\n"
        "map: {x: task.args.lag, y: model.args.width}\n"
        "axes: {task.args.lag: [2, 4], model.args.width: [8, 16]}\nfixed: {model.args: {depth: 2}}\n"
    )
    space = load(["space=my_space.yaml"]).space
    assert space.base["model"] == {"name": "my_net.py:Net", "args": {"depth": 2}}
    assert len(list(space.cells())) == 4


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["model=my_nat.py:Net"], ["model=my_nat.py:Net", "did you mean my_net.py?"]),
        (["model=my_net.py:Nett"], ["defines no Nett", "did you mean Net?"]),
        (["model=my_net.py"], ["my_net.py:Net"]),
        (["model=my_net:Net"], ["no such model", "my_model.py:NAME"]),
        (["model=lstm", "model.args.width=3"], ["model.args.width", "lstm", "FILE.py:NAME"]),
        ([*WORDS, "model.args.a-b=3"], ["a-b"]),
        ([*WORDS, "model.depth=3"], ["model.depth", "my_net.py:Net"]),
        ([*WORDS, "output.loss=cross_entropy"], ["output.loss=cross_entropy", "number"]),
        (
            [*WORDS[:2], "task=my_task.py:Unclear", "task.args.lag=1,2"],
            ["Unclear", "category, binary, number"],
        ),
    ],
)
def test_mistakes_in_words_are_one_line(words: list[str], parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load(words)
    assert any(all(part in line for part in parts) for line in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["model=my_net.py:TimeFirst", *WORDS[1:]], ["model=my_net.py:TimeFirst", "batch_first"]),
        (["model=my_net.py:NoModule", *WORDS[1:]], ["NoModule", "nn.Module"]),
        ([*WORDS, "model.args.heads=3"], ["heads", "width", "depth"]),
        ([*WORDS, "task.args.horizon=3"], ["horizon", "lag"]),
        ([*WORDS[:2], "task=my_task.py:Constant", WORDS[3]], ["task=my_task.py:Constant", "chance"]),
        ([*WORDS, "task.target=binary"], ["task.target=binary", "number"]),
        (
            ["model=my_net.py:Net", WORDS[1], "task=parity", "task.supervision=every_step"],
            ["(batch, time, outputs)"],
        ),
    ],
)
def test_broken_contracts_are_one_line_before_ray(words: list[str], parts: list[str]) -> None:
    found = problems(*words)
    # One, however many arguments have it.
    assert len(found) == len({line.partition(": ")[2] for line in found})
    assert all(all(part in line for part in parts) for line in found), found
    assert all("\n" not in line for line in found)


def test_the_command_exits_with_status_2(folder: Path) -> None:
    words = ["run", "model=my_net.py:TimeFirst", *WORDS[1:]]
    command = [sys.executable, "-m", "failmap", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert {line[:7] for line in done.stderr.splitlines()} == {"error: "}
    assert not (folder / "runs").exists()


def test_a_typo_beside_own_code_is_answered_without_torch(folder: Path) -> None:
    code = (
        "import sys\nfrom failmap.search.loading import load\n"
        f"try:\n    load({[*WORDS, 'train.learning_rat=1']!r})\n"
        "except ValueError as error:\n    print(error, file=sys.stderr)\n"
        "print(sorted({'torch', 'ray', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout == "[]\n"
    assert "train.learning_rate" in done.stderr


def run_trial(folder: Path, **train: Any) -> TrialSession:
    words = [*WORDS, *(f"train.{key}={value}" for key, value in train.items())]
    space = load(words).space
    cell = next(space.cells())
    config = space.trial_config(cell, space.default_recipe(cell), 0)
    session = TrialSession(config, TrialFolder(folder), torch.device("cpu"))
    while session.summary is None:
        session.advance()
    return session


def test_an_own_network_learns_an_own_task(folder: Path) -> None:
    session = run_trial(folder / "one", max_updates=400, evaluate_every=50, learning_rate=0.01)
    assert session.summary is not None
    assert session.summary.outcome == "learned"
    *_, last = read_history(folder / "one" / "history.jsonl")
    signals = last.signals
    assert set(signals["gradient_norm_by_layer"]) == {"lstm", "head"}
    assert set(signals["saturation_by_layer"]["lstm"]) == {"input", "forget", "output"}
    again = run_trial(folder / "two", max_updates=400, evaluate_every=50, learning_rate=0.01)
    assert again.summary is not None
    assert again.summary.score == session.summary.score


def test_provenance_names_own_code(folder: Path) -> None:
    space = load(WORDS).space
    assert own_references(space) == ["my_task.py:Task", "my_net.py:Net"]
    run = RunFolder(folder / "runs" / "one")
    run.path.mkdir(parents=True)
    for expected in ([], ["my_net.py has changed"]):
        codes = read_own_parts(space)
        notes = store_own_parts(space, codes, run)
        warnings = begin_session(run, ["run"], files=states_of_code(codes, notes), own_code=notes)
        assert [line[: len("my_net.py has changed")] for line in warnings] == expected
        (folder / "my_net.py").write_text(NET + "\n# edited\n")
    first, second = json.loads(run.provenance.read_bytes())["sessions"]
    assert [(note["file"], note["names"]) for note in first["own_code"]] == [
        ("my_task.py", ["Task"]),
        ("my_net.py", ["Net"]),
    ]
    copies = [run.own_code / note["digest"] / note["file"] for note in first["own_code"]]
    assert [copy.read_text() for copy in copies] == [TASK, NET]
    assert first["own_code"][0] == second["own_code"][0]
    assert first["own_code"][1]["digest"] != second["own_code"][1]["digest"]
    assert states_of_files(space) == {}


def test_a_job_has_own_code_and_the_modules_beside_it(folder: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "my_net.py"
    elsewhere.write_text(NET)
    (folder / "beside.py").write_text("from pack.inner import WIDTH\n")
    (folder / "not_imported.py").write_text("")
    (folder / "pack").mkdir()
    (folder / "pack" / "inner.py").write_text("WIDTH = 3\n")
    (folder / "my_task.py").write_text(f"import beside\n{TASK}")
    (folder / "my_space.yaml").write_text("task: my_task.py:Task\nmodel: my_net.py:Net\n")
    package = tmp_path_factory.mktemp("package")
    arguments = [
        "space=my_space.yaml",
        f"model=lstm,{elsewhere}:Net",
        "task=my_task.py:Task",
        "storage=s3://b/x.py:y",
    ]
    shipped = ship(arguments, package)
    job = package / WORKING_DIR
    assert shipped[0] == "space=space/my_space.yaml"
    assert shipped[2:] == arguments[2:]
    kept, _, own = shipped[1].partition(",")
    assert kept == "model=lstm"
    assert (job / own.removesuffix(":Net")).read_text() == NET
    assert not Path(own).is_absolute()
    assert {path.name for path in job.glob("*.py")} == {"my_net.py", "my_task.py", "beside.py"}
    assert (job / "pack" / "inner.py").read_text() == "WIDTH = 3\n"
