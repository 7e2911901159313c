"""Steps of which only the loss is read must leave the same record as steps that are all seen whole."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

import failmap
from failmap.run_folder.paths import RunFolder
from failmap.watcher.repeats import Repeats
from failmap.watcher.trial_watch import TrialWatch

NUM_STEPS = 500


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.drop, self.head = nn.GRU(3, 4, batch_first=True), nn.Dropout(0.2), nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.rnn(inputs)[0][:, -1]))


def plain(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    return {}


def scheduled(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    optimizer.param_groups[0]["lr"] = 1e-3 * 0.5 ** (step // 100)
    return {}


def in_eval_mode(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    model.train(step < 200 or step > 400)
    return {}


def smaller_last_batches(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    return {"size": 5 if step % 37 == 0 else 8}


def smaller_from_some_step_on(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    return {"size": 5 if step > 350 else 8}


def validated(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    return {"validates": step % 90 == 0}


def numbers_for_losses(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    return {"as_number": step % 5 == 0}


def rate_in_a_tensor(step: int, model: nn.Module, optimizer: SGD) -> dict[str, Any]:
    optimizer.param_groups[0]["lr"] = torch.tensor(1e-3)
    return {}


def loop(watch_of: Any, change: Any) -> Any:
    """Train under a watch, and yield it after each step."""
    torch.manual_seed(0)
    model = Net()
    optimizer, loss_fn = SGD(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    watch = watch_of(model, optimizer, loss_fn)
    watch.looks._has_limit = False
    for step in range(1, NUM_STEPS + 1):
        options = change(step, model, optimizer)
        inputs = torch.randn(options.get("size", 8), 6, 3)
        targets = (inputs[:, 0, 0] > 0).long()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shown = loss.item() if options.get("as_number") else loss
        watch.step(shown, inputs=inputs, outputs=outputs, targets=targets)
        if options.get("validates"):
            with torch.no_grad():
                watch.validate(loss_fn(model(inputs), targets), outputs=model(inputs), targets=targets)
        yield step, watch
    assert not watch.problems


def record_of(name: str, change: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    *_, (_, watch) = loop(partial(failmap.watch, name=name), change)
    watch.close()
    trial = RunFolder(Path("runs") / name).trial(0)
    record = json.loads(trial.record.read_text())
    history = [json.loads(line) for line in trial.history.read_text().splitlines()]
    for line in history:
        del line["seconds"]
    return {key: record["summary"][key] for key in ("outcome", "score", "updates")}, history


def reports_of(change: Any) -> list[Any]:
    return [watch.report() for step, watch in loop(TrialWatch, change) if step % 130 == 0]


LONG = (plain, smaller_from_some_step_on, numbers_for_losses, rate_in_a_tensor)


@pytest.mark.parametrize(
    "change",
    [
        scheduled,
        in_eval_mode,
        smaller_last_batches,
        validated,
        *(pytest.param(change, marks=pytest.mark.long) for change in LONG),
    ],
)
def test_record_is_that_of_steps_seen_whole(
    change: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    numbers = []
    real = Repeats.add

    def counting(self: Repeats, *args: Any) -> bool:
        numbers.append(real(self, *args))
        return numbers[-1]

    monkeypatch.setattr(Repeats, "add", counting)
    found, reports = record_of("repeats", change), reports_of(change)
    assert sum(numbers) > NUM_STEPS / 4 or change is rate_in_a_tensor
    monkeypatch.setattr(Repeats, "add", lambda self, *args: False)
    assert record_of("whole", change) == found
    assert reports_of(change) == reports
