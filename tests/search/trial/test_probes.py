"""Signals against autograd and plain arithmetic."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from failmap.datasets.task import Batch
from failmap.models import build_model
from failmap.models.config import EncoderDecoderConfig, GRUConfig, LSTMConfig, NetworkConfig
from failmap.models.gates import block_of
from failmap.models.network import Interface, LayerTrace, Network, Trace
from failmap.models.recurrent import RecurrentNetwork
from failmap.search.trial.probes.common import rounded, shown_steps, to_host
from failmap.search.trial.probes.states import memory_steps, spread, state_signals
from failmap.search.trial.probes.update import UpdateProbe, loss_signals


def batch_of(inputs: torch.Tensor, lengths: torch.Tensor | None = None) -> Batch:
    return Batch(inputs, torch.zeros(len(inputs)), lengths)


def saturation(trace: Trace, batch: Batch) -> dict[str, dict[str, float]]:
    shares: dict[str, dict[str, float]] = to_host(state_signals(trace, batch))["saturation_by_layer"]
    return shares


def probed_update(
    learning_rate: float = 0.5,
) -> tuple[UpdateProbe, RecurrentNetwork, torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(0)
    model = build_model(LSTMConfig(depth=2, hidden_size=4), Interface(3, 1, num_steps=40))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    inputs = torch.randn(5, 40, 3).requires_grad_()
    probe = UpdateProbe.of_network(model)
    model(inputs).square().sum().backward()
    probe.after_backward(inputs)
    torch.optim.SGD(model.parameters(), learning_rate).step()
    probe.after_step()
    return probe, model, inputs, before


def test_gradient_norms_by_layer() -> None:
    probe, model, _, _ = probed_update()
    signals = probe.signals()
    whole = torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).norm().item()  # type: ignore[union-attr]
    assert signals["gradient_norm"] == pytest.approx(whole)
    assert list(signals["gradient_norm_by_layer"]) == ["layers.0", "layers.1", "readout"]
    readout = torch.cat([parameter.grad.flatten() for parameter in model.readout.parameters()]).norm().item()
    assert signals["gradient_norm_by_layer"]["readout"] == pytest.approx(readout)


def test_update_ratios() -> None:
    probe, model, _, before = probed_update()
    signals = probe.signals()
    change = torch.cat(
        [(after.detach() - b).flatten() for after, b in zip(model.parameters(), before, strict=True)][-2:]
    ).norm()
    size = torch.cat([parameter.detach().flatten() for parameter in model.parameters()][-2:]).norm()
    assert signals["weight_norm_by_layer"]["readout"] == pytest.approx(size.item())
    assert signals["update_ratio_by_layer"]["readout"] == pytest.approx((change / size).item())


def test_gradient_by_step() -> None:
    probe, _, inputs, _ = probed_update()
    signals = probe.signals()
    steps = signals["gradient_steps"]
    assert steps[0] == 0
    assert steps[-1] == 39
    assert inputs.grad is not None
    for step, norm in zip(steps, signals["gradient_norm_by_step"], strict=True):
        assert norm == pytest.approx(inputs.grad[:, step].norm().item())


def test_nonfinite_signal_is_none() -> None:
    probe, _, _, _ = probed_update(learning_rate=float("inf"))
    assert rounded(probe.signals())["weight_norm_by_layer"]["readout"] is None


def update_of(
    model: Network, learning_rate: float = 0.1, parameters: list[nn.Parameter] | None = None
) -> dict[str, Any]:
    """Return the signals of one SGD update on random numbers."""
    torch.manual_seed(1)
    inputs = torch.randn(5, 6, 3).requires_grad_()
    optimizer = torch.optim.SGD(parameters or list(model.parameters()), learning_rate)
    probe = UpdateProbe.of_network(model)
    model(inputs).square().sum().backward()
    probe.after_backward(inputs)
    optimizer.step()
    probe.after_step()
    return probe.signals()


def lstm(**parts: Any) -> RecurrentNetwork:
    torch.manual_seed(0)
    return build_model(LSTMConfig(hidden_size=4, **parts), Interface(3, 1, num_steps=6))


def test_update_alignment_sign() -> None:
    assert update_of(lstm(depth=2))["update_alignment"] == pytest.approx(1.0, abs=1e-4)
    model = lstm(depth=2)
    up = torch.optim.SGD(model.parameters(), 0.1, maximize=True)
    probe, inputs = UpdateProbe.of_network(model), torch.randn(5, 6, 3)
    model(inputs).square().sum().backward()
    probe.after_backward(inputs)
    up.step()
    probe.after_step()
    assert probe.signals()["update_alignment"] == pytest.approx(-1.0, abs=1e-4)


def test_update_alignment_uses_unclipped_gradient() -> None:
    model = lstm()
    probe, inputs = UpdateProbe.of_network(model), torch.randn(5, 6, 3)
    model(inputs).square().sum().backward()
    probe.after_backward(inputs)
    gradient = torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])
    nn.utils.clip_grad_value_(model.parameters(), 1e-3)
    clipped = torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])
    torch.optim.SGD(model.parameters(), 0.1).step()
    probe.after_step()
    cosine = nn.functional.cosine_similarity(gradient, clipped, dim=0).item()
    assert cosine < 0.99
    assert probe.signals()["update_alignment"] == pytest.approx(cosine, abs=1e-3)


def test_zero_and_missing_gradients() -> None:
    assert not {"gradient_missing", "frozen_parameters", "unmoved_parameters"} & set(update_of(lstm(depth=2)))
    model = lstm(depth=2)
    model.readout.weight = nn.Parameter(torch.zeros_like(model.readout.weight))
    signals = update_of(model)
    assert signals["gradient_zeros_by_layer"] == {"layers.0": 1.0, "layers.1": 1.0, "readout": 0.0}

    class Unused(Network):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Linear(3, 1), nn.Linear(3, 1)

        def trace(self, inputs: torch.Tensor, lengths: Any = None, teacher: Any = None) -> Trace:
            return Trace(self.used(inputs[:, -1]), [])

        def parts(self) -> dict[str, nn.Module]:
            return {"all": self}

        def state_entries(self, num_steps: int) -> int:
            return 0

    signals = update_of(Unused())
    assert signals["gradient_missing"] == ["spare.weight", "spare.bias"]
    assert signals["gradient_zeros_by_layer"] == {"all": 0.5}
    assert signals["gradient_norm"] > 0


def test_frozen_parameters() -> None:
    signals = update_of(lstm(depth=2, frozen_layers=1))
    assert signals["frozen_parameters"] == [
        f"layers.0.recurrence.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    assert list(signals["gradient_norm_by_layer"]) == ["layers.1", "readout"]


def test_unmoved_parameters() -> None:
    model = lstm()
    assert update_of(model, parameters=list(model.layers.parameters()))["unmoved_parameters"] == [
        "readout.weight",
        "readout.bias",
    ]
    everything = [name for name, _ in lstm().named_parameters()]
    signals = update_of(lstm(), learning_rate=0.0)
    assert signals["unmoved_parameters"] == everything
    assert "update_alignment" not in signals, "nothing moved"


def test_loss_signals() -> None:
    signals = to_host(loss_signals(torch.tensor([3.0, 1.0, 5.0])))
    assert signals == pytest.approx(
        {"loss_first": 3.0, "loss_max": 5.0, "loss_spread": np.std([3.0, 1.0, 5.0])}
    )


def test_signals_are_rounded_on_the_host() -> None:
    measured = {
        "a": torch.tensor([1 / 3, math.inf]),
        "b": {"c": torch.tensor(2e-7 / 3)},
        "d": ["name"],
        "e": 7,
    }
    assert rounded(to_host(measured)) == {"a": [0.33333, None], "b": {"c": 6.6667e-8}, "d": ["name"], "e": 7}


@pytest.mark.parametrize("num_steps", [1, 2, 31, 32, 33, 100, 784])
def test_shown_steps(num_steps: int) -> None:
    steps = shown_steps(num_steps)
    assert steps == sorted(set(steps))
    assert len(steps) == min(num_steps, 32)
    assert {0, num_steps - 1} == {steps[0], steps[-1]}


def test_saturated_gates() -> None:
    model = build_model(LSTMConfig(depth=2, hidden_size=4, forget_bias=20.0), Interface(3, 1, num_steps=40))
    model.eval()
    inputs = torch.randn(3, 7, 3)
    shares = saturation(model.trace(inputs), batch_of(inputs))
    assert list(shares) == ["layers.0", "layers.1"]
    assert shares["layers.1"]["forget"] == 1.0
    assert shares["layers.1"]["input"] == 0.0


def states_of(layer: nn.Module, states: torch.Tensor, **parts: Any) -> dict[str, Any]:
    """Return the signals of one layer with given states."""
    trace = Trace(states[:, -1, :1], [LayerTrace("layers.0", layer, states, states, states, is_bounded=True)])
    inputs = torch.zeros(*states.shape[:2], 1)
    return to_host(state_signals(trace, Batch(inputs, torch.zeros(len(states)), **parts)))


def test_dead_and_saturated_units() -> None:
    states = torch.full((4, 25, 4), 0.5)
    states[..., 0] = 0.0
    states[..., 1] = -0.999
    states[:, 0, 2] = 0.0
    states[..., 3] = 1.0
    states[:, :2, 3] = 0.0
    signals = states_of(nn.Identity(), states)
    assert signals["dead_units_by_layer"] == {"layers.0": 0.25}
    assert signals["saturated_units_by_layer"] == {"layers.0": 0.25}, "23 of 25 steps are not enough"
    assert signals["activation_mean_by_layer"]["layers.0"] == pytest.approx(states.mean().item(), rel=1e-4)


def test_lstm_saturation_is_relative_to_output_gate() -> None:
    model = build_model(LSTMConfig(hidden_size=4, forget_bias=20.0), Interface(3, 1, num_steps=200)).eval()
    with torch.no_grad():
        model.layers[0].recurrence.bias_ih_l0[8:12] = 20.0  # candidates
        model.layers[0].recurrence.bias_ih_l0[:4] = 20.0  # input gates
        model.layers[0].recurrence.bias_ih_l0[12:] = -3.0  # output gates
    inputs = torch.randn(3, 200, 3)
    trace = model.trace(inputs)
    assert trace.layers[0].states.abs().max() < 0.9
    signals = to_host(state_signals(trace, batch_of(inputs)))
    assert signals["saturated_units_by_layer"] == {"layers.0": 1.0}


def test_spread_at_last_unpadded_step() -> None:
    states = torch.randn(5, 4, 3)
    whole = states_of(nn.Identity(), states)["spread_by_layer"]["layers.0"]
    assert whole == pytest.approx(states[:, -1].std(dim=0).square().mean().sqrt().item(), rel=1e-4)
    assert whole == pytest.approx(spread(states[:, -1]).item(), rel=1e-4), "as preflight has it"
    ragged = states_of(nn.Identity(), states, lengths=torch.tensor([1, 2, 3, 4, 2]))["spread_by_layer"]
    last = states[torch.arange(5), torch.tensor([0, 1, 2, 3, 1])]
    assert ragged["layers.0"] == pytest.approx(last.std(dim=0).square().mean().sqrt().item(), rel=1e-4)
    assert "spread_by_layer" not in states_of(nn.Identity(), states[:1])


@pytest.mark.parametrize(
    ("gates", "steps"),
    [([0.5], 1 / math.log(2)), ([0.99], 99.5), ([0.25, 1.0], 1 / math.log(2)), ([1.0], 1e6), ([0.0], 0.0)],
)
def test_memory_steps(gates: list[float], steps: float) -> None:
    assert memory_steps(torch.tensor(gates)).item() == pytest.approx(steps, rel=1e-3)


@pytest.mark.parametrize(("config", "gate"), [(LSTMConfig(), "forget"), (GRUConfig(), "update")])
def test_memory_uses_keeping_gate(config: NetworkConfig, gate: str) -> None:
    model = build_model(config, Interface(3, 1, num_steps=40)).eval()
    with torch.no_grad():
        block_bias(model.layers[0].recurrence, gate).fill_(6.0)
    inputs = torch.zeros(3, 7, 3)
    signals = to_host(state_signals(model.trace(inputs), batch_of(inputs)))
    mean = signals["gate_mean_by_layer"]["layers.0"][gate]
    assert mean > 0.99
    assert signals["memory_steps_by_layer"]["layers.0"] == pytest.approx(-1 / math.log(mean), rel=0.02)


def block_bias(layer: nn.RNNBase, gate: str) -> torch.Tensor:
    bias: torch.Tensor = layer.bias_ih_l0[block_of(layer, gate)]
    return bias


def test_output_signals_ignore_padding() -> None:
    outputs = torch.tensor([[[1.0], [-3.0]], [[2.0], [99.0]]])
    batch = Batch(torch.zeros(2, 2, 1), torch.zeros(2, 2), torch.tensor([2, 1]))
    signals = to_host(state_signals(Trace(outputs, []), batch))["outputs"]
    assert signals == pytest.approx(
        {"least": -3.0, "largest": 2.0, "mean": 0.0, "spread": np.std([1.0, -3.0, 2.0])}
    )


def test_gru_gates() -> None:
    model = build_model(GRUConfig(), Interface(3, 1, num_steps=40))
    inputs = torch.randn(3, 7, 3)
    assert set(saturation(model.trace(inputs), batch_of(inputs))["layers.0"]) == {"reset", "update"}


@pytest.mark.parametrize(
    "interface",
    [Interface(3, 1, 9), Interface(3, 1, 9, "step"), Interface(3, 1, 9, "decoded", (4,))],
    ids=["sequence", "step", "decoded"],
)
@pytest.mark.parametrize(
    "config",
    [
        LSTMConfig(depth=2, hidden_size=4, forget_bias=3.0),
        LSTMConfig(depth=2, hidden_size=4, forget_bias=3.0, bidirectional=True),
        GRUConfig(hidden_size=4),
        EncoderDecoderConfig(hidden_size=4, forget_bias=3.0),
    ],
    ids=["lstm", "bidirectional", "gru", "encoder_decoder"],
)
def test_saturation_ignores_padding(config: NetworkConfig, interface: Interface) -> None:
    if interface.layout not in config.layouts:
        return
    torch.manual_seed(0)
    model = build_model(config, interface).eval()
    inputs, lengths = 20 * torch.randn(3, 9, 3), torch.tensor([9, 2, 5])
    inputs[1, 2:] = inputs[2, 5:] = 0
    together = saturation(model.trace(inputs, lengths), batch_of(inputs, lengths))
    alone = [
        saturation(model.trace(shown), batch_of(shown))
        for shown in (inputs[row : row + 1, :length] for row, length in enumerate(lengths.tolist()))
    ]
    num_blanks = len(model.trace(inputs).layers[0].states[0]) - 9
    num_steps = [length + num_blanks for length in lengths.tolist()]
    for layer, gates in together.items():
        for gate, share in gates.items():
            shares = [one[layer][gate] or 0.0 for one in alone]
            assert share == pytest.approx(np.average(shares, weights=num_steps)), (layer, gate)
