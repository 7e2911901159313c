"""Signals against what autograd and plain arithmetic say."""

import numpy as np
import pytest
import torch

from datasets.task import Batch
from models import build_model
from models.config import EncoderDecoderConfig, GRUConfig, LSTMConfig, NetworkConfig
from models.network import Interface, Trace
from models.recurrent import RecurrentNetwork
from search.trial.probes import UpdateProbe, rounded, state_signals, to_host
from search.trial.probes.steps import shown_steps


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
    probe = UpdateProbe(model)
    model(inputs).square().sum().backward()
    probe.after_backward(inputs)
    torch.optim.SGD(model.parameters(), learning_rate).step()
    probe.after_step()
    return probe, model, inputs, before


def test_gradient_norms_by_layer_add_up_to_the_whole() -> None:
    probe, model, _, _ = probed_update()
    signals = probe.signals()
    whole = torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).norm().item()  # type: ignore[union-attr]
    assert signals["gradient_norm"] == pytest.approx(whole)
    assert list(signals["gradient_norm_by_layer"]) == ["layers.0", "layers.1", "readout"]
    readout = torch.cat([parameter.grad.flatten() for parameter in model.readout.parameters()]).norm().item()
    assert signals["gradient_norm_by_layer"]["readout"] == pytest.approx(readout)


def test_update_ratios_are_change_over_size() -> None:
    probe, model, _, before = probed_update()
    signals = probe.signals()
    change = torch.cat(
        [(after.detach() - b).flatten() for after, b in zip(model.parameters(), before, strict=True)][-2:]
    ).norm()
    size = torch.cat([parameter.detach().flatten() for parameter in model.parameters()][-2:]).norm()
    assert signals["weight_norm_by_layer"]["readout"] == pytest.approx(size.item())
    assert signals["update_ratio_by_layer"]["readout"] == pytest.approx((change / size).item())


def test_gradient_by_step_is_the_norm_of_the_inputs_gradient() -> None:
    probe, _, inputs, _ = probed_update()
    signals = probe.signals()
    steps = signals["gradient_steps"]
    assert steps[0] == 0
    assert steps[-1] == 39
    assert inputs.grad is not None
    for step, norm in zip(steps, signals["gradient_norm_by_step"], strict=True):
        assert norm == pytest.approx(inputs.grad[:, step].norm().item())


def test_what_is_not_finite_is_none() -> None:
    probe, _, _, _ = probed_update(learning_rate=float("inf"))
    assert rounded(probe.signals())["weight_norm_by_layer"]["readout"] is None


@pytest.mark.parametrize("num_steps", [1, 2, 31, 32, 33, 100, 784])
def test_shown_steps_go_from_first_to_last_without_repeats(num_steps: int) -> None:
    steps = shown_steps(num_steps)
    assert steps == sorted(set(steps))
    assert len(steps) == min(num_steps, 32)
    assert {0, num_steps - 1} == {steps[0], steps[-1]}


def test_saturation_counts_gates_near_their_ends() -> None:
    model = build_model(LSTMConfig(depth=2, hidden_size=4, forget_bias=20.0), Interface(3, 1, num_steps=40))
    model.eval()
    inputs = torch.randn(3, 7, 3)
    shares = saturation(model.trace(inputs), batch_of(inputs))
    assert list(shares) == ["layers.0", "layers.1"]
    assert shares["layers.1"]["forget"] == 1.0
    assert shares["layers.1"]["input"] == 0.0


def test_a_gru_has_its_own_gates() -> None:
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
def test_steps_that_fill_a_sequence_up_do_not_count(config: NetworkConfig, interface: Interface) -> None:
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
