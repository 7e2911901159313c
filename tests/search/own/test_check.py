"""`failmap check train=...`: what it finds in a training function, and its exit status."""

import json
import threading
import time
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import torch

from failmap.run_folder.errors import UserError
from failmap.search.commands.table import COMMANDS
from failmap.search.own.config import OwnTrialConfig
from failmap.search.own.probe import NUM_REPORTS, probe

SPACE: dict[str, Any] = {
    "map": {"x": "lag", "y": "model.width"},
    "axes": {"lag": [5, 6], "model.width": [4, 8], "rate": [0.01, 0.1]},
    "fixed": {"train.updates": 400},
    "learned": {"score": 0.9},
}
ARGUMENTS = ["train=my_train.py:train", "space=my_space.yaml"]
#: A function whose loop reports every ten updates; `{}` takes the parts that differ.
LOOP = """
import torch
from torch import nn


def train(config, trial):
    print("this goes to the log")
    width, lag, rate = config["model.width"], config["lag"], config["rate"]
    gru, head = nn.GRU(1, width, batch_first=True), nn.Linear(width, 2)
    model = nn.ModuleList([gru, head])
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    loss_fn = nn.CrossEntropyLoss()
    {begin}
    for update in range({first}, config["train.updates"]):
        inputs = torch.randn(16, lag, 1)
        targets = (inputs[:, -1, 0] > 0).long()
        outputs = {outputs}
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        {step}
        if update % 10 == 9 and trial.report(update=update, loss=loss, score=0.5, state={state}):
            return
"""
SOUND = {
    "begin": """
if trial.state is not None:
    model.load_state_dict(trial.state)
watch = trial.watch(model, optimizer, loss_fn)
""",
    "first": "trial.first_update",
    "outputs": "head(gru(inputs)[0][:, -1])",
    "step": "watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)",
    "state": "model.state_dict()",
}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_space.yaml").write_text(json.dumps(SPACE))


def write(**parts: str) -> None:
    filled = {**SOUND, **parts}
    filled["begin"] = indent(filled["begin"], "    ").strip()
    Path("my_train.py").write_text(LOOP.format(**filled))


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return the exit status, and findings and reasons by the name of the check."""
    threads = torch.get_num_threads()
    status = COMMANDS["check"].run([*arguments, "--json"])
    torch.set_num_threads(threads)
    report = json.loads(capsys.readouterr().out)
    (trial,) = report["trials"]
    findings = {one["check"]: one for one in trial["findings"]}
    assert status == (1 if "fail" in {one["status"] for one in findings.values()} else 0)
    assert not Path("runs").exists()
    return status, findings, {one["check"]: one["reason"] for one in trial["not_checked"]}


def statuses(findings: dict[str, Any]) -> dict[str, str]:
    return {name: one["status"] for name, one in findings.items()}


def test_sound_function_passes(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    status, findings, not_checked = check(capsys, *ARGUMENTS)
    names = ("reports", "settings", "course", "speed", "state", "watch")
    assert (status, not_checked) == (0, {}), findings
    assert statuses(findings) == dict.fromkeys(names, "pass")
    assert findings["reports"]["value"] >= NUM_REPORTS
    assert findings["settings"]["value"] == 4
    assert 0 < findings["speed"]["value"] < 10
    # It was continued after one of its reports.
    assert findings["state"]["value"] % 10 == 0
    assert findings["state"]["value"] > 0


@pytest.mark.parametrize(
    ("parts", "name", "found", "told"),
    [
        ({"outputs": "torch.softmax(head(gru(inputs)[0][:, -1]), 1)"}, "watch", "fail", "unreachable_output"),
        ({"state": "None"}, "state", "warn", "no state"),
        ({"state": "{'other': torch.zeros(1)}"}, "state", "fail", "RuntimeError"),
        ({"first": "0"}, "state", "fail", "first_update"),
        ({"first": "0 * trial.first_update"}, "state", "fail", "trial.report"),
        ({"step": "watch.step(loss.item() * torch.ones(2))"}, "watch", "fail", "(2,)"),
        ({"step": "loss = loss.detach() * float('nan')"}, "reports", "fail", "not finite"),
        ({"begin": SOUND["begin"] + "config.get('lagg')"}, "settings", "warn", "lagg"),
    ],
)
def test_fault_is_found(
    capsys: pytest.CaptureFixture[str], parts: dict[str, str], name: str, found: str, told: str
) -> None:
    write(**parts)
    status, findings, _ = check(capsys, *ARGUMENTS)
    assert findings[name]["status"] == found
    assert told in findings[name]["message"]
    assert status == (found == "fail")


def test_axis_that_is_never_read_fails_and_a_fixed_value_warns(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    space = {**SPACE, "axes": {**SPACE["axes"], "model.widht": [1, 2]}}
    Path("my_space.yaml").write_text(json.dumps(space))
    status, findings, _ = check(capsys, *ARGUMENTS)
    assert (status, findings["settings"]["status"], findings["settings"]["value"]) == (1, "fail", 1)
    assert "model.widht" in findings["settings"]["message"]
    space = {**SPACE, "fixed": {**SPACE["fixed"], "spare": 1}}
    Path("my_space.yaml").write_text(json.dumps(space))
    status, findings, _ = check(capsys, *ARGUMENTS)
    assert (status, findings["settings"]["status"]) == (0, "warn")
    assert "spare" in findings["settings"]["message"]


@pytest.mark.parametrize("reading", ["dict(**config)", "dict(config)", "[*config.items()]", "{**config}"])
def test_settings_that_are_read_as_a_whole_are_all_read(
    capsys: pytest.CaptureFixture[str], reading: str
) -> None:
    source = f"def train(config, trial):\n    {reading}\n    trial.report(update=0, score=0.0)\n"
    Path("my_train.py").write_text(source)
    _, findings, _ = check(capsys, *ARGUMENTS)
    assert findings["settings"]["status"] == "pass"


def test_printing_the_settings_reads_none(capsys: pytest.CaptureFixture[str]) -> None:
    source = "def train(config, trial):\n    print(config)\n    trial.report(update=0, score=0.0)\n"
    Path("my_train.py").write_text(source)
    status, findings, _ = check(capsys, *ARGUMENTS)
    assert (status, findings["settings"]["value"]) == (1, 4)


@pytest.mark.parametrize(
    "line", ["raise ValueError('no such thing')", "import sys; sys.exit(3)", "open('none.csv')"]
)
def test_error_of_the_function_has_file_and_line(capsys: pytest.CaptureFixture[str], line: str) -> None:
    Path("my_train.py").write_text(f"def train(config, trial):\n    config['lag']\n    {line}\n")
    status, findings, not_checked = check(capsys, *ARGUMENTS)
    assert (status, findings["reports"]["status"]) == (1, "fail")
    message = findings["reports"]["message"]
    assert "my_train.py, line 3" in message
    assert "\n" not in message
    # What it would have read later is not known.
    assert set(not_checked) == {"settings", "course", "speed", "state", "watch"}


def test_without_a_space_arguments_are_settings(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    words = ["train=my_train.py:train", "lag=5", "model.width=4", "rate=0.01"]
    status, findings, _ = check(capsys, *words)
    assert (status, findings["reports"]["status"], findings["settings"]["status"]) == (1, "fail", "warn")
    assert "train.updates" in findings["settings"]["message"]
    status, findings, _ = check(capsys, *words, "train.updates=400")
    assert (status, findings["settings"]["value"]) == (0, 4)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train=my_tran.py:train", "space=my_space.yaml"],
        ["train=my_train.py:other", "space=my_space.yaml"],
        ["train=my_train.py:one", "space=my_space.yaml"],
        ["train=my_train.py:train", "space=none.yaml"],
        [*ARGUMENTS, "odd=1"],
        [*ARGUMENTS, "range_test=true"],
        [*ARGUMENTS, "plan=true"],
        ["train=my_train.py:train", "budget.minutes=1"],
        ["train=my_tran.py:train", "lag=1"],
    ],
)
def test_mistake_of_the_user_is_one_line(arguments: list[str]) -> None:
    write()
    with Path("my_train.py").open("a") as file:
        file.write("\n\ndef one(config):\n    pass\n")
    with pytest.raises(UserError) as caught:
        COMMANDS["check"].run(arguments)
    assert len(caught.value.problems) == 1


def test_function_without_a_report_is_stopped_and_leaves_no_thread() -> None:
    def train(config: Any, trial: Any) -> None:
        while True:
            time.sleep(0.01)

    config = OwnTrialConfig.model_validate({"own": {"function": "f.py:train", "score": 1.0}, "settings": {}})
    before = threading.active_count()
    found = probe(config, train, torch.device("cpu"), first_seconds=0.3)
    assert (found.evaluations, found.error, found.was_stopped) == ([], None, True)
    assert threading.active_count() == before
