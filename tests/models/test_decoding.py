"""What a decoder reads, and in how few kernel calls it generates its sequence."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from failmap.models.encoder_decoder.decoder import Continued, Decoder, draw_shown, single_step, stretches
from failmap.models.encoder_decoder.stack import RecurrentStack
from failmap.models.gates import gate_activations


def test_a_stretch_ends_where_a_decoder_sees_its_own() -> None:
    assert stretches([]) == [(0, 1)]
    assert stretches([True] * 4) == [(0, 5)]
    assert stretches([False] * 2) == [(0, 1), (1, 2), (2, 3)]
    assert stretches([True, False, False, True, True]) == [(0, 2), (2, 3), (3, 6)]


@given(st.lists(st.booleans()))
def test_stretches_cover_every_step_once(shown: list[bool]) -> None:
    covered = [step for begin, end in stretches(shown) for step in range(begin, end)]
    assert covered == list(range(len(shown) + 1))
    assert [begin for begin, _ in stretches(shown)[1:]] == [
        step for step, is_true in enumerate(shown, start=1) if not is_true
    ]


def test_a_share_of_one_half_shows_about_half() -> None:
    torch.manual_seed(0)
    shown = draw_shown(0.5, 10_001)
    # Hoeffding: strays further once in 10^9.
    assert sum(shown) / 10_000 == pytest.approx(0.5, abs=math.sqrt(math.log(2e9) / 20_000))


@pytest.mark.parametrize(("share", "expected"), [(0.0, [False] * 3), (1.0, [True] * 3)])
def test_all_or_nothing_draws_no_random_numbers(share: float, expected: list[bool]) -> None:
    before = torch.get_rng_state()
    assert draw_shown(share, 4) == expected
    assert torch.equal(torch.get_rng_state(), before)


def build_decoder(num_steps: int) -> Decoder:
    layers = [Continued(nn.GRU(3, 4, batch_first=True)), Continued(nn.GRU(4, 4, batch_first=True))]
    return Decoder(nn.Linear(2, 3), RecurrentStack(layers, 0.0), nn.Linear(4, 2), (1,), num_steps)


def one_by_one(
    decoder: Decoder, states: list[torch.Tensor], truth: torch.Tensor, shown: list[bool]
) -> torch.Tensor:
    """The same, a step at a time."""
    frame = torch.zeros(len(truth), 2)
    frames: list[torch.Tensor] = []
    states = list(states)
    for step in range(len(shown) + 1):
        if step:
            frame = truth[:, step - 1] if shown[step - 1] else frames[-1].sigmoid()
        below = decoder.frame_map(frame)[:, None]
        for index, layer in enumerate(decoder.stack.layers):
            below, states[index] = layer(below, states[index])
        frames.append(decoder.readout(below[:, 0]))
    return torch.stack(frames, dim=1)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.booleans(), max_size=8))
def test_stretches_agree_with_single_steps(shown: list[bool]) -> None:
    decoder = build_decoder(len(shown) + 1)
    states = [torch.randn(1, 5, 4), torch.randn(1, 5, 4)]
    truth = torch.rand(5, len(shown) + 1, 2)
    outputs, passed = decoder(states, torch.zeros(5, 1, 2), torch.sigmoid, truth, shown)
    torch.testing.assert_close(outputs, one_by_one(decoder, states, truth, shown))
    assert [part.shape for part in passed.states] == [(5, len(shown) + 1, 4)] * 2
    torch.testing.assert_close(decoder.readout(passed.states[-1]), outputs)


@pytest.mark.parametrize(("shown", "num_calls"), [([True] * 6, 1), ([False] * 6, 7), ([True, False] * 3, 4)])
def test_true_frames_need_one_kernel_call(shown: list[bool], num_calls: int) -> None:
    decoder = build_decoder(7)
    calls = []
    decoder.stack.layers[0].register_forward_hook(lambda *_: calls.append(1))
    decoder([torch.zeros(1, 2, 4)] * 2, torch.zeros(2, 1, 2), torch.sigmoid, torch.rand(2, 7, 2), shown)
    assert len(calls) == num_calls


def test_gradients_flow_through_fed_back_outputs() -> None:
    decoder = build_decoder(2)
    state = torch.zeros(1, 1, 4, requires_grad=True)
    outputs, _ = decoder([state, state], torch.zeros(1, 1, 2), torch.sigmoid, None, [False])
    (gradient,) = torch.autograd.grad(outputs[:, 1].sum(), decoder.readout.weight, retain_graph=True)
    direct = passed_on(decoder, state)
    assert not torch.allclose(gradient, direct), "a part comes by way of the first output"


def passed_on(decoder: Decoder, state: torch.Tensor) -> torch.Tensor:
    """The gradient of the second output, its own input taken as given."""
    outputs, _ = decoder(
        [state, state], torch.zeros(1, 1, 2), lambda frame: frame.sigmoid().detach(), None, [False]
    )
    (gradient,) = torch.autograd.grad(outputs[:, 1].sum(), decoder.readout.weight)
    return gradient


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_single_step_is_a_sequence_of_one(kind: type[nn.RNNBase]) -> None:
    layer = kind(3, 4, batch_first=True)
    _, state = layer(torch.randn(2, 5, 3))
    inputs = torch.randn(2, 1, 3)
    torch.testing.assert_close(single_step(layer, inputs, state), layer(inputs, state))


def test_no_gates_of_a_continued_layer() -> None:
    layer = nn.LSTM(3, 4, batch_first=True)
    inputs, states = torch.randn(2, 5, 3), torch.randn(2, 5, 4)
    assert gate_activations(layer, inputs, states)
    assert gate_activations(Continued(layer), inputs, states) == {}
