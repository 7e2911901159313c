"""A training is the same to the last bit with and without observers, and nothing of it is kept."""

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from failmap.watcher.observer import Step, Watched
from failmap.watcher.observers import LayerObserver, UpdateObserver
from tests.search.trial.precisions import with_bf16

OBSERVERS = (UpdateObserver, LayerObserver)
STEPS = 50


class Net(nn.Module):
    def __init__(self, rnn: nn.RNNBase, *, is_packed: bool = False, autocast: bool = False) -> None:
        super().__init__()
        self.rnn, self.is_packed, self.autocast = rnn, is_packed, autocast
        width = (rnn.proj_size or rnn.hidden_size) * (2 if rnn.bidirectional else 1)
        self.drop, self.relu = nn.Dropout(0.3), nn.ReLU()
        self.head = nn.Linear(width, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            if self.is_packed:
                lengths = torch.tensor([4, 7, 2, 7])
                packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
                hidden = self.rnn(packed)[0].data.mean(dim=0, keepdim=True).expand(4, -1)
            else:
                hidden = self.rnn(inputs)[0].mean(dim=1)
            return self.head(self.relu(self.drop(hidden))).float()


class Cells(nn.Module):
    def __init__(self, cell: nn.RNNCellBase) -> None:
        super().__init__()
        self.cell, self.drop, self.head = cell, nn.Dropout(0.3), nn.Linear(5, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        state: Any = None
        for step in inputs.unbind(1):
            state = self.cell(step, state)
        return self.head(self.drop(state[0] if isinstance(state, tuple) else state))


def lstm(**options: Any) -> nn.LSTM:
    return nn.LSTM(3, 5, batch_first=True, **options)


def frozen() -> nn.Module:
    model = Net(lstm(num_layers=2, dropout=0.2))
    for parameter in model.rnn.parameters():
        parameter.requires_grad_(False)
    return model


def shared() -> nn.Module:
    rnn = lstm(num_layers=2, dropout=0.2)
    model = nn.Sequential(Net(rnn), nn.Linear(2, 2))
    model.append(model[1])
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: Net(lstm(num_layers=2, dropout=0.2)),
    "gru": lambda: Net(nn.GRU(3, 5, 2, batch_first=True, dropout=0.2)),
    "rnn": lambda: Net(nn.RNN(3, 5, 2, batch_first=True, dropout=0.2, nonlinearity="relu")),
    "bidirectional": lambda: Net(lstm(num_layers=2, dropout=0.2, bidirectional=True)),
    "projection": lambda: Net(lstm(num_layers=2, dropout=0.2, proj_size=2)),
    "packed": lambda: Net(lstm(num_layers=2, dropout=0.2), is_packed=True),
    "lstm cell": lambda: Cells(nn.LSTMCell(3, 5)),
    "gru cell": lambda: Cells(nn.GRUCell(3, 5)),
    "rnn cell": lambda: Cells(nn.RNNCell(3, 5)),
    "frozen": frozen,
    "shared": shared,
    "bfloat16": lambda: Net(lstm(num_layers=2, dropout=0.2), autocast=True),
    "compiled": lambda: torch.compile(Net(lstm(num_layers=2)), backend="eager"),
    "data parallel": lambda: nn.DataParallel(Net(lstm(num_layers=2, dropout=0.2))),
}


def batches(num: int = STEPS) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(4, 7, 3, generator=generator), torch.randn(4, 2, generator=generator))
        for _ in range(num)
    ]


def same_with_and_without(loop: Any, build: Callable[[], nn.Module]) -> list[dict[str, Any]]:
    """Train twice and compare all that the user could see; return the signals."""
    states, found = [], []
    for observers in ((), OBSERVERS):
        torch.manual_seed(3)
        model = build()
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        looks = (1, 2, 3, 4, 20, 49)
        found = loop(model, batches(), observers, looks, optimizer=optimizer, clip_norm=0.5)
        gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
        weights = copy.deepcopy([p.detach() for p in model.parameters()])
        modes = [module.training for module in model.modules()]
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
        settings = (torch.get_default_dtype(), torch.is_grad_enabled(), torch.backends.cudnn.enabled)
        states.append((weights, gradients, modes, hooks, settings, torch.get_rng_state()))
    without, watched = states
    for one, other in zip(without[0] + without[1], watched[0] + watched[1], strict=True):
        assert (one is None and other is None) or torch.equal(one, other)
    assert without[2:5] == watched[2:5]
    assert torch.equal(without[5], watched[5])
    return found


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", with_bf16(MODELS, "bfloat16"))
def test_training_is_the_same_to_the_last_bit(loop, name):
    found = same_with_and_without(loop, MODELS[name])
    assert all(signals["gradient_norm"] > 0 for signals in found)
    has_layers = ["spread_by_layer" in signals for signals in found]
    assert has_layers == [name != "compiled"] * len(found)


def test_distributed_training_is_the_same_to_the_last_bit(loop, tmp_path):
    distributed = torch.distributed
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        found = same_with_and_without(
            loop, lambda: nn.parallel.DistributedDataParallel(Net(lstm(num_layers=2, dropout=0.2)))
        )
        assert list(found[0]["gradient_norm_by_layer"]) == ["rnn.l0", "rnn.l1", "head"]
        # Gradients are averaged over processes after they were accumulated.
        assert "clip_norm_seen" not in found[0]
    finally:
        distributed.destroy_process_group()


def test_denormal_numbers_are_treated_as_before(loop):
    smallest = torch.tensor([1e-40])
    loop(MODELS["lstm"](), batches(2), OBSERVERS, (1, 2))
    assert (smallest * 1.0).item() != 0


def test_nothing_is_kept_after_a_look():
    model = MODELS["lstm"]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    observers = [observer(Watched(model, optimizer)) for observer in OBSERVERS]
    for observer in observers:
        observer.before_look()
    ((inputs, targets),) = batches(1)
    outputs = model(inputs)
    loss = nn.functional.mse_loss(outputs, targets)
    loss.backward()
    optimizer.step()
    assert [len(observer._handles) > 0 for observer in observers] == [True, True]
    step = Step(1, loss, inputs, outputs, targets)
    signals = [observer.after_look(step) for observer in observers]
    assert all(signals)
    references = [
        weakref.ref(inputs),
        weakref.ref(outputs),
        weakref.ref(loss),
        weakref.ref(model.head.weight.grad),
    ]
    optimizer.zero_grad()
    del inputs, outputs, loss, targets, step
    gc.collect()
    assert [reference() for reference in references] == [None] * 4
    tensors = [
        value for observer in observers for value in vars(observer).values() if isinstance(value, Tensor)
    ]
    assert tensors == []
