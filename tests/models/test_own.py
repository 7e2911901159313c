"""An own network behind the interface of ours: the same outputs, and its layers' states in the trace."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from failmap.models import build_model
from failmap.models.config import OwnModelConfig
from failmap.models.gates import gate_activations
from failmap.models.network import Interface
from failmap.models.own import OwnNetwork

# Torch's own, of its kernels.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

STEPS, FEATURES = 6, 3

SOURCE = '''
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence


class Stack(nn.Module):
    """Any of torch's recurrent modules; read from its outputs or its last state."""

    def __init__(self, input_size, output_size, kind="LSTM", read="outputs", **options):
        super().__init__()
        options.setdefault("batch_first", True)
        self.recurrence = getattr(nn, kind)(input_size, 5, **options)
        width = 10 if options.get("bidirectional") else options.get("proj_size") or 5
        self.read = read
        self.readout = nn.Linear(width if read == "outputs" else options.get("proj_size") or 5, output_size)

    def forward(self, inputs):
        batch_first = self.recurrence.batch_first
        states, last = self.recurrence(inputs if batch_first else inputs.transpose(0, 1))
        if self.read == "last":
            last = last[0] if isinstance(last, tuple) else last
            return self.readout(last[-1])
        return self.readout(states[:, -1] if batch_first else states[-1])


class Cell(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.cell = nn.GRUCell(input_size, 5)
        self.scale = nn.Parameter(torch.ones(1))
        self.readout = nn.Linear(5, output_size)

    def forward(self, inputs):
        state = inputs.new_zeros(len(inputs), 5)
        for step in inputs.unbind(1):
            state = self.cell(step, state)
        return self.readout(state) * self.scale


class EveryStep(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.recurrence = nn.GRU(input_size, 5, batch_first=True)
        self.readout = nn.Linear(5, output_size)

    def forward(self, inputs):
        return self.readout(self.recurrence(inputs)[0])


class Packed(nn.Module):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.recurrence = nn.GRU(input_size, 5, batch_first=True)
        self.readout = nn.Linear(5, output_size)

    def forward(self, inputs, lengths=None):
        if lengths is None:
            return self.readout(self.recurrence(inputs)[1][-1])
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        return self.readout(self.recurrence(packed)[1][-1])


class Tied(nn.Module):
    """Two layers that share their weights, one inside another module."""

    def __init__(self, input_size, output_size):
        super().__init__()
        self.lower = nn.Linear(input_size, input_size)
        self.upper = nn.Sequential(self.lower, nn.Linear(input_size, output_size))

    def forward(self, inputs):
        return self.upper(self.lower(inputs[:, -1]))
'''


@pytest.fixture
def build(tmp_path: Path) -> Any:
    (tmp_path / "own_nets.py").write_text(SOURCE)

    def built(name: str, layout: Any = "sequence", **args: Any) -> OwnNetwork:
        torch.manual_seed(0)
        config = OwnModelConfig(name=f"{tmp_path}/own_nets.py:{name}", args=args)
        network = build_model(config, Interface(FEATURES, 2, STEPS, layout))
        assert isinstance(network, OwnNetwork)
        return network

    return built


def inputs() -> Tensor:
    return torch.randn(4, STEPS, FEATURES, generator=torch.Generator().manual_seed(1))


RECURRENT: list[dict[str, Any]] = [
    {"kind": kind, "read": read, **options}
    for kind in ("RNN", "GRU", "LSTM")
    for read in ("outputs", "last")
    for options in (
        {},
        {"num_layers": 3},
        {"batch_first": False, "num_layers": 2},
        {"bidirectional": True, "num_layers": 2},
        {"bias": False},
    )
] + [{"kind": "LSTM", "proj_size": 2, "num_layers": 2}, {"kind": "RNN", "nonlinearity": "relu"}]


@pytest.mark.parametrize("args", RECURRENT, ids=str)
def test_a_trace_has_the_outputs_and_each_layers_states(build: Any, args: dict[str, Any]) -> None:
    network = build("Stack", **args).eval()
    trace = network.trace(inputs())
    torch.testing.assert_close(trace.outputs, network(inputs()))
    assert len(trace.layers) == args.get("num_layers", 1)
    width = args.get("proj_size", 5) * (1 + args.get("bidirectional", False))
    parts = network.parts()
    for layer in trace.layers:
        assert layer.states.shape == (4, STEPS, width)
        assert set(layer.layer.parameters()) == set(parts[layer.name].parameters())
        assert layer.is_bounded == ("nonlinearity" not in args and "proj_size" not in args)
    states, _ = network.net.recurrence(
        inputs() if args.get("batch_first", True) else inputs().transpose(0, 1)
    )
    top = states if args.get("batch_first", True) else states.transpose(0, 1)
    torch.testing.assert_close(trace.layers[-1].states, top)


@pytest.mark.parametrize("args", RECURRENT, ids=str)
def test_the_loss_depends_on_the_traced_states(build: Any, args: dict[str, Any]) -> None:
    trace = build("Stack", **args).trace(inputs())
    states = [layer.states for layer in trace.layers]
    for gradient in torch.autograd.grad(trace.outputs.square().sum(), states):
        assert (gradient != 0).any()


def test_gates_of_a_stack_are_those_of_its_layers(build: Any) -> None:
    (lower, upper) = build("Stack", num_layers=2).eval().trace(inputs()).layers
    assert set(gate_activations(upper.layer, upper.inputs, upper.states)) == {"input", "forget", "output"}
    torch.testing.assert_close(upper.inputs, lower.outputs)
    assert gate_activations(*build("Stack", bias=False).trace(inputs()).layers[0][1:4]) == {}


@pytest.mark.parametrize("name", ["Stack", "Cell", "Tied", "Packed"])
def test_every_parameter_is_in_exactly_one_part(build: Any, name: str) -> None:
    network = build(name)
    found = [id(parameter) for part in network.parts().values() for parameter in part.parameters()]
    assert sorted(found) == sorted(map(id, network.parameters()))


def test_a_cell_has_a_state_for_each_step(build: Any) -> None:
    network = build("Cell").eval()
    (layer,) = network.trace(inputs()).layers
    assert layer.name == "cell"
    assert layer.states.shape == (4, STEPS, 5)
    torch.testing.assert_close(network.net.readout(layer.states[:, -1]), network(inputs()))


def test_the_last_step_counts_for_one_label_a_sequence(build: Any) -> None:
    by_step, last = build("EveryStep", "step"), build("EveryStep")
    assert by_step(inputs()).shape == (4, STEPS, 2)
    torch.testing.assert_close(last(inputs()), by_step(inputs())[:, -1])
    lengths = torch.tensor([6, 2, 4, 1])
    torch.testing.assert_close(last(inputs(), lengths)[1], by_step(inputs())[1, 1])


def test_lengths_are_passed_on_to_a_network_that_takes_them(build: Any) -> None:
    network = build("Packed").eval()
    lengths = torch.tensor([6, 2, 4, 1])
    outputs = network(inputs(), lengths)
    torch.testing.assert_close(outputs[1], network(inputs()[1:2, :2])[0])
    trace = network.trace(inputs(), lengths)
    torch.testing.assert_close(trace.outputs, outputs)
    assert trace.layers[0].states.shape == (4, STEPS, 5)
    assert not build("EveryStep").takes_lengths


def test_a_trace_leaves_no_hooks_and_draws_nothing(build: Any) -> None:
    network = build("Stack", num_layers=2)
    before = torch.get_rng_state()
    network.trace(inputs())
    network.parts()
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(module._forward_hooks for module in network.modules())


def test_memory_grows_with_the_steps(build: Any) -> None:
    entries = [build("Stack", num_layers=2).state_entries(num_steps) for num_steps in (1, 2, 50)]
    assert 0 < entries[0] < entries[1] < entries[2]
