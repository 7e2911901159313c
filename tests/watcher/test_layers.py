"""Signals of layers in somebody's network, through hooks and a second pass."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from failmap.watcher.observer import Step, Watched
from failmap.watcher.observers import LayerObserver


class Net(nn.Module):
    """A recurrent module, read at its last step, at its last state, or at every step."""

    def __init__(self, rnn: nn.RNNBase, read: str = "output") -> None:
        super().__init__()
        self.rnn, self.read = rnn, read
        width = (rnn.proj_size or rnn.hidden_size) * (2 if rnn.bidirectional else 1)
        self.head = nn.Linear(width if read != "state" else width // (2 if rnn.bidirectional else 1), 1)

    def forward(self, inputs: Tensor | PackedSequence) -> Tensor:
        outputs, final = self.rnn(inputs)
        if self.read == "state":
            return self.head((final[0] if isinstance(final, tuple) else final)[-1])
        if self.read == "all":
            return self.head(outputs)
        if isinstance(outputs, PackedSequence):
            return self.head(outputs.data)
        return self.head(outputs[:, -1] if self.rnn.batch_first else outputs[-1])


class CellNet(nn.Module):
    """A cell that is called once a step, whose state may be cut from the step before."""

    def __init__(self, cell: nn.RNNCellBase, is_cut: bool = False) -> None:
        super().__init__()
        self.cell, self.is_cut, self.head = cell, is_cut, nn.Linear(cell.hidden_size, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        state: Any = None
        for index, step in enumerate(inputs.unbind(1), start=1):
            state = self.cell(step, state)
            if self.is_cut and index < inputs.shape[1]:
                state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        return self.head(state[0] if isinstance(state, tuple) else state)


def batch(*shape: int, targets: tuple[int, ...] = (6, 1)) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(*shape, generator=generator), torch.randn(*targets, generator=generator))]


KINDS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


@pytest.mark.parametrize("read", ["output", "state"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_by_step_is_that_to_the_users_inputs(loop, kind, read):
    torch.manual_seed(0)
    model = Net(KINDS[kind](3, 4, num_layers=2, batch_first=True), read)
    inputs, targets = batch(6, 9, 3)[0]
    inputs.requires_grad_()
    with torch.no_grad():
        to_last = 2 / 6 * (model(inputs) - targets) * model.head.weight
    (signals,) = loop(model, [(inputs, targets)], [LayerObserver])
    expected = inputs.grad.norm(dim=(0, 2)).tolist()
    assert signals["gradient_norm_by_step"] == pytest.approx(expected, rel=1e-4)
    assert signals["gradient_steps"] == list(range(9))
    assert signals["gradient_share_at_first"] == pytest.approx(expected[0] / expected[-1], rel=1e-4)
    assert list(signals["state_gradient_by_step"]) == ["rnn.l0", "rnn.l1"]
    assert signals["state_gradient_steps"] == [0, 7, 8]
    # Only the last state of the top layer is read.
    assert signals["state_gradient_by_step"]["rnn.l1"][-1] == pytest.approx(to_last.norm().item(), rel=1e-4)


def test_states_are_those_of_each_layer(loop):
    torch.manual_seed(0)
    model = Net(nn.GRU(3, 4, num_layers=2, batch_first=True))
    data = batch(6, 9, 3)
    with torch.no_grad():
        top, final = model.rnn(data[0][0])
    (signals,) = loop(model, data, [LayerObserver])
    assert signals["activation_mean_by_layer"]["rnn.l1"] == pytest.approx(top.mean().item(), rel=1e-4)
    spread = final[0].var(dim=0).mean().sqrt().item()
    assert signals["spread_by_layer"]["rnn.l0"] == pytest.approx(spread, rel=1e-4)
    assert set(signals["saturation_by_layer"]["rnn.l0"]) == {"reset", "update"}
    assert signals["memory_steps_by_layer"]["rnn.l1"] > 0
    assert signals["layers_seen"]["rnn"] == {
        "kind": "gru",
        "input_shape": [6, 9, 3],
        "batch_first": True,
        "packed": False,
        "hx_given": False,
        "num_layers": 2,
        "hidden_size": 4,
        "bidirectional": False,
        "calls": 1,
    }


def test_packed_sequences_leave_padding_out(loop):
    torch.manual_seed(0)
    model = Net(nn.LSTM(3, 4, batch_first=True, bidirectional=True))
    lengths = torch.tensor([2, 5, 3])
    inputs = pack_padded_sequence(torch.randn(3, 5, 3), lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        expected = model.rnn(inputs)[0].data.mean().item()
    (signals,) = loop(model, [(inputs, torch.randn(10, 1))], [LayerObserver])
    assert signals["activation_mean_by_layer"]["rnn"] == pytest.approx(expected, rel=1e-4)
    assert signals["layers_seen"]["rnn"]["packed"] is True


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(
    ("rnn", "shape"),
    [
        (nn.LSTM(3, 5, proj_size=2, bidirectional=True, num_layers=2), (9, 6, 3)),
        (nn.LSTM(3, 5, proj_size=2, batch_first=True), (6, 9, 3)),
        (nn.RNN(3, 5, nonlinearity="relu", bias=False), (9, 6, 3)),
        (nn.GRU(3, 5, bias=False, num_layers=2, dropout=0.5), (9, 6, 3)),
    ],
)
def test_every_variant_has_states_and_a_gradient_back_in_time(loop, rnn, shape):
    (signals,) = loop(Net(rnn), batch(*shape), [LayerObserver])
    assert len(signals["gradient_norm_by_step"]) == 9
    assert len(signals["spread_by_layer"]) == rnn.num_layers
    assert ("state_gradient_by_step" in signals) is (not rnn.bidirectional)


def test_sequence_without_batch(loop):
    (signals,) = loop(Net(nn.LSTM(3, 4), "all"), batch(9, 3, targets=(9, 1)), [LayerObserver])
    assert len(signals["gradient_norm_by_step"]) == 9
    assert "spread_by_layer" not in signals


def test_reach_with_a_label_at_every_step_is_that_of_the_last_label(loop):
    torch.manual_seed(0)
    model = Net(nn.LSTM(3, 4, batch_first=True), "all")
    (signals,) = loop(model, batch(6, 40, 3, targets=(6, 40, 1)), [LayerObserver])
    assert signals["gradient_share_at_first"] < 1e-3
    by_step = signals["gradient_norm_by_step"]
    assert by_step[0] > 0.05 * by_step[-1]


@pytest.mark.parametrize("cell", [nn.LSTMCell(3, 4), nn.GRUCell(3, 4), nn.RNNCell(3, 4)])
def test_cells_show_a_state_that_is_cut_between_steps(loop, cell):
    (whole,) = loop(CellNet(cell), batch(6, 9, 3), [LayerObserver])
    (cut,) = loop(CellNet(cell, is_cut=True), batch(6, 9, 3), [LayerObserver])
    assert all(norm > 0 for norm in whole["gradient_norm_by_step"])
    assert cut["gradient_norm_by_step"][-1] > 0
    assert cut["gradient_norm_by_step"][:-1] == [0] * 8
    assert whole["layers_seen"]["cell"]["calls"] == 9
    assert "cell" in whole["spread_by_layer"]


def test_dead_units_after_relu(loop):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        model[0].bias[:3] = -100
    (signals,) = loop(model, batch(40, 3, targets=(40, 1)), [LayerObserver])
    assert signals["dead_units_by_layer"] == {"1": 0.75}
    assert set(signals["activation_mean_by_layer"]) == {"0", "2"}
    assert set(signals["outputs"]) == {"least", "largest", "mean", "spread"}


def test_error_in_a_hook_is_raised_after_the_look_only():
    model = Net(nn.LSTM(3, 4, batch_first=True))
    observer = LayerObserver(Watched(model, torch.optim.SGD(model.parameters(), lr=0.1)))
    observer.before_look()
    # There are no weights of a third layer to copy.
    model.rnn.num_layers = 3
    outputs = model.head(torch.zeros(1, 4))
    for hook in model.rnn._forward_hooks.values():
        assert hook(model.rnn, (torch.zeros(2, 5, 3),), {}, (outputs, outputs)) is None
    with pytest.raises(AttributeError):
        observer.after_look(Step(1, outputs.sum()))
    assert not model.rnn._forward_hooks
