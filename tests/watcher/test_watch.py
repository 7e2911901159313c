"""`failmap.watch` on small real loops: verdicts and run folders."""

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import failmap
from failmap.analysis.diagnosis.diagnose import LEAST_STEPS
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, TrialRecord
from failmap.search.commands.table import COMMANDS
from failmap.search.run_status import read_run_status
from tests.watcher.small_loops import NUM_STEPS, Net, draw, last_sign, sgd, train


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def flat_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


HEALTHY: dict[str, dict[str, Any]] = {
    "classes": {"model": lambda: Net(2), "loss_fn": nn.CrossEntropyLoss(), "label": last_sign},
    "sum": {"model": lambda: Net(2), "loss_fn": nn.CrossEntropyLoss(reduction="sum"), "label": last_sign},
    "regression": {"model": lambda: Net(1), "loss_fn": nn.MSELoss(), "label": lambda x: x[:, -1, :1]},
    "steps": {
        "model": lambda: Net(2, every_step=True),
        "loss_fn": flat_cross_entropy,
        "label": lambda x: (x[..., 0] > 0).long(),
    },
    "binary": {
        "model": lambda: Net(1),
        "loss_fn": nn.BCEWithLogitsLoss(),
        "label": lambda x: last_sign(x)[:, None].float(),
    },
    "ignored": {
        "model": lambda: Net(2),
        "loss_fn": nn.CrossEntropyLoss(ignore_index=-100),
        "label": lambda x: last_sign(x).where(torch.arange(len(x)) % 4 > 0, -100),
    },
    "validated": {
        "model": lambda: Net(2),
        "loss_fn": nn.CrossEntropyLoss(),
        "label": last_sign,
        "validates_every": 10,
    },
    "dict": {
        "model": lambda: Net(2),
        "loss_fn": nn.CrossEntropyLoss(),
        "label": last_sign,
        "pack": lambda x: {"x": (x, None)},
    },
    "number": {
        "model": lambda: Net(2),
        "loss_fn": nn.CrossEntropyLoss(),
        "label": last_sign,
        "show_loss": lambda loss: loss.item(),
    },
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_loop_that_learns_is_healthy(name: str) -> None:
    case = dict(HEALTHY[name])
    watch = train(case.pop("model")(), case.pop("loss_fn"), case.pop("label"), **case)
    assert watch.problems == []
    assert watch.verdict is not None
    assert watch.verdict.is_healthy, str(watch.verdict)
    assert watch.verdict.score > 0.5


def test_losses_alone_are_enough() -> None:
    watch = train(Net(2), nn.CrossEntropyLoss(), last_sign, shows=False)
    assert watch.verdict is not None
    assert watch.verdict.is_healthy
    assert len(watch.verdict.not_judged) == 3


def test_a_softmax_before_cross_entropy_is_found() -> None:
    model = nn.Sequential(Net(2), nn.Softmax(-1))
    watch = train(model, nn.CrossEntropyLoss(), last_sign)
    assert watch.verdict is not None
    assert watch.verdict.cause == "unreachable_output"
    assert not watch.verdict.is_healthy


@pytest.mark.parametrize(
    ("num_steps", "is_judged"), [(10, False), (LEAST_STEPS - 1, False), (LEAST_STEPS, True)]
)
def test_a_loop_of_few_steps_is_not_judged(num_steps: int, is_judged: bool) -> None:
    # What cannot travel far in so few steps looks like a rate that is too low.
    watch = train(Net(2), nn.CrossEntropyLoss(), last_sign, num_steps=num_steps, rate=1e-6, name="mine")
    assert watch.verdict is not None
    assert (watch.verdict.cause == "none") == (not is_judged)
    assert (watch.verdict.confidence > 0) == is_judged
    assert any(str(num_steps) in told for told in watch.verdict.not_judged) == (not is_judged)
    again = failmap.verdict("runs/mine")
    assert again is not None
    assert (again.cause, again.confidence) == (watch.verdict.cause, watch.verdict.confidence)


def test_faults_of_the_code_are_judged_from_the_first_steps_on() -> None:
    watch = train(nn.Sequential(Net(2), nn.Softmax(-1)), nn.CrossEntropyLoss(), last_sign, num_steps=5)
    assert watch.verdict is not None
    assert watch.verdict.cause == "unreachable_output"


def test_few_steps_that_learn_are_enough() -> None:
    watch = train(Net(2), nn.CrossEntropyLoss(), last_sign, num_steps=60, rate=0.03)
    assert watch.verdict is not None
    assert watch.verdict.is_healthy
    assert watch.verdict.confidence > 0


def test_record_and_history_parse_and_give_the_same_cause() -> None:
    model = nn.Sequential(Net(2), nn.Softmax(-1))
    watch = train(model, nn.CrossEntropyLoss(), last_sign, name="mine", validates_every=10)
    trial = RunFolder(Path("runs/mine")).trial(0)
    record = TrialRecord.from_json(trial.record.read_text())
    history = [Evaluation.from_line(line) for line in trial.history.read_text().splitlines()]
    assert record.purpose == "watched"
    assert record.summary is not None
    assert record.summary.updates == NUM_STEPS
    assert [one.update for one in history] == list(range(10, NUM_STEPS + 1, 10))
    again = failmap.verdict("runs/mine")
    assert again is not None
    assert watch.verdict is not None
    assert again.cause == watch.verdict.cause


def test_commands_show_a_watched_run(capsys: pytest.CaptureFixture[str]) -> None:
    train(Net(2), nn.CrossEntropyLoss(), last_sign, name="mine")
    assert COMMANDS["report"].run(["run=mine"]) == 0
    page = Path("runs/mine/report/index.html").read_text(encoding="utf-8")
    assert 'class="commands"' not in page, (
        "nothing can be searched in a loop, so there is no list of commands"
    )
    for arguments in ([], ["run=mine"]):
        capsys.readouterr()
        assert COMMANDS["status"].run(arguments) == 0
        assert "unreadable" not in capsys.readouterr().out
    assert read_run_status(RunFolder(Path("runs/mine")), 0.0).state == "spent"
    summary = failmap.load_run("mine").records[0].summary
    assert summary is not None
    assert summary.target_metric == pytest.approx(summary.chance_metric + 0.9 * (1 - summary.chance_metric))
    assert COMMANDS["signals"].run(["run=mine", "signal=gradient_norm"]) == 0
    assert "gradient_norm" in capsys.readouterr().out


def test_status_tells_a_killed_watch_from_one_that_goes_on() -> None:
    code = (
        "import os, torch, failmap; from failmap.watcher import watch\n"
        "watch._WRITE_SECONDS = 0.0\n"
        "m = torch.nn.Linear(2, 1); w = failmap.watch(m, torch.optim.SGD(m.parameters(), 0.1), name='mine')\n"
        "[w.step(m(torch.ones(1, 2)).sum()) for _ in range(3)]\n"
        "print(flush=True); input(); os._exit(1)"
    )
    root = str(Path(failmap.__file__).parents[1])
    loop = subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert loop.stdout is not None
    loop.stdout.readline()
    folder = RunFolder(Path("runs/mine"))
    assert read_run_status(folder, 0.0).state == "running"
    loop.communicate(b"\n")
    assert read_run_status(folder, 0.0).state == "died"
    assert failmap.verdict("runs/mine") is not None
    # Whether a process of another host is alive cannot be known.
    elsewhere = re.sub(r'"place": "[^"]*"', '"place": "elsewhere"', folder.provenance.read_text())
    folder.provenance.write_text(elsewhere)
    assert read_run_status(folder, 0.0).state == "running"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("resume", ["run=mine"]),
        ("rescue", ["run=mine"]),
        ("ablate", ["run=mine"]),
        ("merge", ["run=mine,other", "into=both"]),
    ],
)
def test_a_watched_run_is_not_continued(command: str, arguments: list[str]) -> None:
    train(Net(2), nn.CrossEntropyLoss(), last_sign, name="mine", num_steps=10)
    if command == "merge":
        train(Net(2), nn.CrossEntropyLoss(), last_sign, name="other", num_steps=10)
    with pytest.raises(UserError) as caught:
        COMMANDS[command].run(arguments)
    # Of two runs that cannot be merged each has its line.
    assert len(caught.value.problems) == (2 if command == "merge" else 1)
    assert all("watched" in problem for problem in caught.value.problems)


def test_neither_ray_nor_optuna_nor_pandas_is_imported() -> None:
    code = (
        "import sys, torch, failmap; m = torch.nn.Linear(2, 1)\n"
        "w = failmap.watch(m, torch.optim.SGD(m.parameters(), 0.1), must_write=False)\n"
        "w.step(m(torch.ones(1, 2)).sum()); w.close()\n"
        "print([name for name in ('ray', 'optuna', 'pandas') if name in sys.modules])"
    )
    root = str(Path(failmap.__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_closing_twice_prints_once(capsys: pytest.CaptureFixture[str]) -> None:
    watch = train(Net(2), nn.CrossEntropyLoss(), last_sign, num_steps=10)
    assert watch.close() is watch.verdict
    assert capsys.readouterr().out.count("failmap: ") == 1


def test_given_chance_and_metric_are_used() -> None:
    model = Net(2)
    optimizer = sgd(model)
    watch = failmap.watch(model, optimizer, metric="accuracy", chance=0.6, must_write=False)
    for _ in range(8):
        loss = model(draw()).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        watch.step(loss)
        watch.validate(loss, metric=0.8)
    verdict = watch.close()
    assert verdict is not None
    assert math.isclose(verdict.score, 0.5, rel_tol=1e-6)


def test_a_loss_with_an_axis_is_a_scalar() -> None:
    watch = train(Net(2), nn.CrossEntropyLoss(), last_sign, show_loss=lambda loss: loss.reshape(1))
    assert watch.verdict is not None
    assert watch.verdict.is_healthy
    assert watch.problems == []


def test_divergence_from_probabilities_is_judged_by_its_loss() -> None:
    divergence = nn.KLDivLoss(reduction="batchmean")

    def label(inputs: Tensor) -> Tensor:
        return nn.functional.one_hot(last_sign(inputs), 2).float() * 0.98 + 0.01

    model = Net(2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watch = failmap.watch(model, optimizer, divergence)
    for _ in range(NUM_STEPS):
        inputs = draw()
        outputs = model(inputs).log_softmax(-1)
        loss = divergence(outputs, label(inputs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.step(loss, inputs=inputs, outputs=outputs, targets=label(inputs))
    verdict = watch.close()
    assert verdict is not None
    assert verdict.score > 0.5


def test_metric_without_its_chance_is_judged_by_the_loss() -> None:
    model, loss_fn = Net(2), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watch = failmap.watch(model, optimizer, loss_fn, metric="error_rate")
    for update in range(1, NUM_STEPS + 1):
        inputs = draw()
        outputs, targets = model(inputs), last_sign(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if update % 20 == 0:
            watch.validate(loss, metric=(outputs.argmax(1) != targets).double().mean())
    verdict = watch.close()
    assert verdict is not None
    assert verdict.score > 0.5
