"""Mistakes in the use of `failmap.watch`, and its own faults, are one line each, and the loop goes on."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import failmap
from failmap.watcher.observers import OBSERVERS
from failmap.watcher.problems import WatchWarning
from tests.watcher.small_loops import Net, draw, last_sign, sgd, train


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def test_an_error_in_the_with_block_goes_on_and_hooks_are_gone() -> None:
    model, watches = Net(2), []

    def fail_while_watched() -> None:
        with failmap.watch(model, sgd(model)) as watch:
            watches.append(watch)
            watch.step(model(draw()).sum())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_watched()
    assert watches[0].verdict is not None
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in model.modules())


def another_optimizer() -> None:
    failmap.watch(Net(2), sgd(Net(2)))


def no_module() -> None:
    failmap.watch(lambda x: x, sgd(Net(2)))


def two_watches() -> None:
    model = Net(2)
    first = failmap.watch(model, sgd(model), must_write=False)
    failmap.watch(model, sgd(model), must_write=False)
    first.close()


def name_taken() -> None:
    for _ in range(2):
        train(Net(2), nn.CrossEntropyLoss(), last_sign, name="mine", num_steps=5)


def not_writable() -> None:
    Path("file").write_text("")
    train(Net(2), nn.CrossEntropyLoss(), last_sign, storage="file", num_steps=5)


def step_after_close() -> None:
    watch = train(Net(2), nn.CrossEntropyLoss(), last_sign, num_steps=5)
    for _ in range(3):
        watch.step(torch.tensor(1.0))


def shown(loss: Any, **tensors: Tensor) -> None:
    model = Net(2)
    watch = failmap.watch(model, sgd(model), must_write=False)
    for _ in range(3):
        watch.step(loss, **tensors)
    watch.close()


MISTAKES: dict[str, tuple[Callable[[], None], str]] = {
    "another optimizer": (another_optimizer, "optimizer"),
    "no module": (no_module, "Module"),
    "two watches": (two_watches, "watched already"),
    "name taken": (name_taken, "name=mine"),
    "not writable": (not_writable, "nothing is written"),
    "step after close": (step_after_close, "watch.close"),
    "loss of a batch": (lambda: shown(torch.ones(4)), "(4,)"),
    "another batch": (
        lambda: shown(torch.tensor(1.0), outputs=torch.ones(32, 2), targets=torch.ones(31).long()),
        "(31,)",
    ),
    "another shape": (
        lambda: shown(torch.tensor(1.0), outputs=torch.ones(32, 1), targets=torch.ones(7, 3)),
        "(7, 3)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_warning(name: str) -> None:
    act, key = MISTAKES[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    assert [one.category for one in caught] == [WatchWarning], [str(one.message) for one in caught]
    assert key in str(caught[0].message)


@pytest.mark.parametrize("method", ["before_look", "after_look", "at_step", "at_end", "at_validation"])
def test_a_broken_observer_warns_once_and_changes_no_weight(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> list[Tensor]:
        torch.manual_seed(3)
        model = Net(2)
        train(model, nn.CrossEntropyLoss(), last_sign, num_steps=20, validates_every=5)
        return [parameter.detach().clone() for parameter in model.parameters()]

    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    healthy = weights()
    monkeypatch.setattr(OBSERVERS[0], method, fail)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        broken = weights()
    assert [one.category for one in caught] == [WatchWarning]
    assert "broken" in str(caught[0].message)
    assert all(torch.equal(one, other) for one, other in zip(healthy, broken, strict=True))


def test_warnings_that_are_errors_do_not_reach_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    model = Net(2)
    optimizer = torch.optim.Adam(model.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch = failmap.watch(model, optimizer, name="once")
        failmap.watch(model, optimizer)
        watch._observers[0].at_step = broken  # type: ignore[method-assign]
        model(draw()).square().mean().backward()
        optimizer.step()
        watch.step(torch.tensor(1.0))
        watch.close()
        watch.step(torch.tensor(1.0))
    assert len(watch.problems) == 1
    assert capsys.readouterr().err.count("failmap: ") == 2
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def broken(*arguments: Any) -> None:
    raise RuntimeError("broken")
