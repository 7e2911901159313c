"""Signals of the optimizer's step in somebody's loop."""

import math

import pytest
import torch
from torch import Tensor, nn

from failmap.search.trial.probes.common import to_host
from failmap.watcher.observer import Step, Watched
from failmap.watcher.observers import UpdateObserver
from failmap.watcher.parts import named_parameters, parts_of


class Net(nn.Module):
    """Two recurrent layers and a readout of the last state."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.rnn(inputs)[0][:, -1])


def batches(num: int = 1) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(6, 5, 3, generator=generator), torch.randn(6, 1, generator=generator))
        for _ in range(num)
    ]


def gradient_norm(model: nn.Module) -> float:
    return math.sqrt(sum(p.grad.square().sum().item() for p in model.parameters() if p.grad is not None))


def test_gradients_and_changes_are_those_of_the_step(loop):
    model = Net()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    (signals,) = loop(model, batches(), [UpdateObserver])
    assert signals["gradient_norm"] == pytest.approx(gradient_norm(model), rel=1e-5)
    assert list(signals["gradient_norm_by_layer"]) == ["rnn.l0", "rnn.l1", "head"]
    change = math.sqrt(
        sum((p - before[f"head.{n}"]).square().sum().item() for n, p in model.head.named_parameters())
    )
    size = math.sqrt(sum(p.square().sum().item() for p in model.head.parameters()))
    assert signals["update_ratio_by_layer"]["head"] == pytest.approx(change / size, rel=1e-5)
    assert signals["update_alignment"] == pytest.approx(1.0, rel=1e-5)
    assert signals["learning_rate"] == 0.1
    assert not {"clip_norm_seen", "gradient_missing", "frozen_parameters"} & set(signals)


def test_clipping_is_seen_and_undone(loop):
    torch.manual_seed(0)
    free = Net()
    clipped = Net()
    clipped.load_state_dict(free.state_dict())
    (unclipped,) = loop(free, batches(), [UpdateObserver])
    (signals,) = loop(clipped, batches(), [UpdateObserver], clip_norm=1e-3)
    assert signals["clip_norm_seen"] == pytest.approx(1e-3, rel=1e-2)
    assert signals["gradient_norm"] == pytest.approx(unclipped["gradient_norm"], rel=1e-4)


def test_clipping_that_was_seen_once_is_remembered():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    observer = UpdateObserver(Watched(model, optimizer))
    seen = []
    for largest in (1e9, 1e-3, 1e9):
        inputs, targets = batches()[0]
        observer.before_look()
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), largest)
        optimizer.step()
        seen.append(to_host(observer.after_look(Step(1, loss)))["clipping_seen"])
    assert seen == [0, 1, 1]


def test_unused_parameter_has_no_gradient(loop):
    model = Net()
    model.spare = nn.Linear(2, 2)
    (signals,) = loop(model, batches(), [UpdateObserver])
    assert signals["gradient_missing"] == ["spare.weight", "spare.bias"]
    assert signals["gradient_zeros_by_layer"]["spare"] == 1


@pytest.mark.parametrize("part", ["head", "rnn"])
def test_only_what_is_frozen_after_the_start_is_listed(part):
    model = Net()
    watched_later = model.rnn if part == "head" else model.head
    getattr(model, part).requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    observer = UpdateObserver(Watched(model, optimizer))
    assert "frozen_parameters" not in look(observer, model, optimizer)
    next(watched_later.parameters()).requires_grad_(False)
    assert len(look(observer, model, optimizer)["frozen_parameters"]) == 1


def test_changes_of_what_another_optimizer_trains_are_not_reported():
    model = Net()
    optimizer = torch.optim.SGD(model.head.parameters(), 0.1)
    signals = look(UpdateObserver(Watched(model, optimizer)), model, optimizer)
    assert list(signals["update_ratio_by_layer"]) == ["head"]
    assert "unmoved_parameters" not in signals
    assert signals["gradient_norm_by_layer"].keys() == {"rnn.l0", "rnn.l1", "head"}


def test_a_closure_that_computes_the_first_gradients_misses_none():
    model = Net()
    optimizer = torch.optim.LBFGS(model.parameters())
    signals = look(UpdateObserver(Watched(model, optimizer)), model, optimizer)
    assert "gradient_missing" not in signals
    assert "gradient_missing" not in look(UpdateObserver(Watched(model, optimizer)), model, optimizer)


@pytest.mark.parametrize("by_name", [False, True])
def test_gradients_of_a_closure_are_those_of_its_own_step(by_name):
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    observer = UpdateObserver(Watched(model, optimizer))
    for size in (1.0, 2.0, 3.0):

        def closure(size=size):
            optimizer.zero_grad()
            loss = model(torch.full((4, 1), size)).mean()
            loss.backward()
            return loss

        observer.before_look()
        loss = optimizer.step(closure=closure) if by_name else optimizer.step(closure)
        # d mean(w x) / d w = x
        assert to_host(observer.after_look(Step(1, loss)))["gradient_norm"] == pytest.approx(size)
    assert not optimizer._optimizer_step_pre_hooks


def test_clipping_within_a_closure_is_seen():
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    observer = UpdateObserver(Watched(model, optimizer))
    inputs, targets = next(iter(batches()))
    norms = []

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 1e-3)))
        return loss

    observer.before_look()
    loss = optimizer.step(closure)
    signals = to_host(observer.after_look(Step(1, loss)))
    assert signals["clip_norm_seen"] == pytest.approx(1e-3, rel=1e-2)
    assert signals["gradient_norm"] == pytest.approx(norms[0], rel=1e-4)


def look(observer, model, optimizer):
    inputs, targets = next(iter(batches()))

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        return loss

    observer.before_look()
    if isinstance(optimizer, torch.optim.LBFGS):
        loss = optimizer.step(closure)
    else:
        loss = closure()
        optimizer.step()
    return to_host(observer.after_look(Step(1, loss)))


def test_scale_that_a_fused_optimizer_was_left_is_removed():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=True)
    observer = UpdateObserver(Watched(model, optimizer))
    observer.before_look()
    (model(torch.ones(4, 2)).mean() * 1024).backward()
    # GradScaler.step sets both.
    optimizer.grad_scale, optimizer.found_inf = torch.tensor(1024.0), torch.tensor(0.0)
    optimizer.step()
    signals = observer.after_look(None)
    # d mean / d (w, b) = (1, 1, 1)
    assert signals["gradient_norm"] == pytest.approx(math.sqrt(3), rel=1e-6)


def test_scale_that_a_scaler_removed_is_no_clipping():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    observer = UpdateObserver(Watched(model, optimizer))
    observer.before_look()
    scaler.scale(model(torch.ones(4, 2)).mean()).backward()
    scaler.step(optimizer)
    signals = observer.after_look(None)
    assert signals["gradient_norm"] == pytest.approx(math.sqrt(3), rel=1e-6)
    assert "clip_norm_seen" not in signals


def test_look_without_a_step_has_the_learning_rate_only():
    model = nn.Linear(2, 1)
    observer = UpdateObserver(Watched(model, torch.optim.SGD(model.parameters(), lr=0.5)))
    observer.before_look()
    assert observer.after_look(None) == {"learning_rate": 0.5}


def test_names_lack_wrappers_and_shared_parameters_count_once():
    model = Net()
    model.again = nn.Linear(4, 1)
    model.again.weight = model.head.weight
    wrapped = torch.compile(nn.DataParallel(model), backend="eager")
    assert list(parts_of(wrapped)) == ["rnn.l0", "rnn.l1", "head", "again"]
    assert parts_of(wrapped)["again"] == [model.again.bias]
    assert list(named_parameters(wrapped)) == list(named_parameters(model))


def test_many_parts_are_grouped_by_child():
    model = nn.ModuleDict(
        {"body": nn.ModuleList(nn.Linear(1, 1) for _ in range(70)), "head": nn.Linear(1, 1)}
    )
    assert list(parts_of(model)) == ["body", "head"]
    assert len(parts_of(model)["body"]) == 140
