"""A watch changes nothing in a training, and keeps no more the longer it runs."""

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import failmap

STEPS, VALIDATE_EVERY = 80, 10


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Net(nn.Module):
    def __init__(self, rnn: nn.RNNBase) -> None:
        super().__init__()
        self.rnn, self.drop = rnn, nn.Dropout(0.3)
        self.head = nn.Linear(rnn.hidden_size, 2)

    def forward(self, inputs: Tensor | PackedSequence) -> Tensor:
        _, final = self.rnn(inputs)
        hidden = final[0] if isinstance(final, tuple) else final
        outputs: Tensor = self.head(self.drop(hidden[-1]))
        return outputs


def packed(inputs: Tensor) -> PackedSequence:
    lengths = torch.tensor([3, 6, 2, 6, 5, 4, 6, 1])
    return pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)


def as_it_is(inputs: Tensor) -> Tensor:
    return inputs


LOOPS: dict[str, tuple[type[nn.RNNBase], Callable[[Tensor], Any], bool]] = {
    "lstm": (nn.LSTM, as_it_is, False),
    "gru, validated": (nn.GRU, as_it_is, True),
    "lstm, packed": (nn.LSTM, packed, False),
    "lstm, packed, validated": (nn.LSTM, packed, True),
}


def trained(name: str, *, is_watched: bool) -> tuple[list[Tensor], list[float], Tensor]:
    """Return the weights, all losses, and the state of the random numbers."""
    kind, pack, validates = LOOPS[name]
    torch.manual_seed(3)
    model = Net(kind(3, 8, 2, batch_first=True, dropout=0.2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    watch = failmap.watch(model, optimizer, loss_fn) if is_watched else None
    losses = []
    for update in range(1, STEPS + 1):
        inputs = torch.randn(8, 6, 3)
        targets = (inputs[:, 0, 0] > 0).long()
        outputs = model(pack(inputs))
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        if watch is not None:
            watch.step(loss, inputs=pack(inputs), outputs=outputs, targets=targets)
        losses.append(loss.item())
        if validates and update % VALIDATE_EVERY == 0:
            model.eval()
            with torch.no_grad():
                held = model(pack(inputs))
            losses.append(loss_fn(held, targets).item())
            if watch is not None:
                watch.validate(losses[-1], inputs=pack(inputs), outputs=held, targets=targets)
            model.train()
    if watch is not None:
        watch.close()
        assert watch.problems == []
        assert watch.looks.number > 4
    return [one.detach().clone() for one in model.parameters()], losses, torch.get_rng_state()


@pytest.mark.parametrize("name", LOOPS)
def test_weights_losses_and_random_numbers_are_the_same_to_the_last_bit(name: str) -> None:
    weights, losses, state = trained(name, is_watched=False)
    others, other_losses, other_state = trained(name, is_watched=True)
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))
    assert losses == other_losses
    assert torch.equal(state, other_state)


def test_a_step_between_looks_copies_no_packed_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    padded = []
    original = nn.utils.rnn.pad_packed_sequence

    def spy(*arguments: Any, **options: Any) -> Any:
        padded.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr("failmap.watcher.observation.pad_packed_sequence", spy)
    trained("lstm, packed", is_watched=True)
    assert 0 < len(padded) < STEPS / 2


@pytest.mark.long
def test_memory_does_not_grow_with_the_steps() -> None:
    """Tensors are counted and Python's memory is traced: resident memory also follows the allocator."""
    tracemalloc.start()
    model = nn.Linear(2, 2)
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), 0.1), nn.CrossEntropyLoss()
    watch = failmap.watch(model, optimizer, loss_fn, must_write=False)
    tensors, traced = {}, {}
    for update in range(1, 100_001):
        inputs = torch.randn(4, 2)
        targets = (inputs[:, 0] > 0).long()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if update in (25_000, 50_000, 100_000):
            gc.collect()
            tensors[update] = sum(issubclass(type(one), Tensor) for one in gc.get_objects())
            traced[update] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    watch.close()
    assert watch.problems == []
    # A curve has 32 to 63 stretches with two tensors each, and every look keeps targets and signals.
    assert tensors[100_000] < tensors[25_000] + 200, tensors
    # Less than two bytes a step: of losses that are kept each takes 32 at least.
    assert traced[100_000] < traced[25_000] + 150_000, traced
