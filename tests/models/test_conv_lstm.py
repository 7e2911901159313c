"""The convolutional LSTM against its equations, and against torch's LSTM where it is one."""

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from failmap.models import build_model
from failmap.models.config import ConvLSTMConfig
from failmap.models.encoder_decoder.conv_lstm_layer import ConvLSTMLayer
from failmap.models.network import Interface, Network, Teacher


def step_by_step(layer: ConvLSTMLayer, inputs: Tensor, state: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
    """The equations, one gate at a time."""

    def gate(index: int, below: Tensor, previous: Tensor) -> Tensor:
        rows = slice(index * layer.hidden_channels, (index + 1) * layer.hidden_channels)
        padding = layer.weight_ih_l0.shape[-1] // 2
        return conv2d(below, layer.weight_ih_l0[rows], layer.bias_ih_l0[rows], padding=padding) + conv2d(
            previous, layer.weight_hh_l0[rows], layer.bias_hh_l0[rows], padding=padding
        )

    states = []
    for below in inputs.unbind(1):
        entry, forget = gate(0, below, state).sigmoid(), gate(1, below, state).sigmoid()
        candidate, output = gate(2, below, state).tanh(), gate(3, below, state).sigmoid()
        cell = forget * cell + entry * candidate
        state = output * cell.tanh()
        states.append(state)
    return torch.stack(states, dim=1), state, cell


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_layer_computes_its_equations(kernel_size: int) -> None:
    layer = ConvLSTMLayer(2, 3, kernel_size)
    inputs, state, cell = torch.randn(4, 5, 2, 6, 7), torch.randn(4, 3, 6, 7), torch.randn(4, 3, 6, 7)
    states, final = layer(inputs, (state, cell))
    torch.testing.assert_close((states, *final), step_by_step(layer, inputs, state, cell))

    zero = torch.zeros_like(state)
    torch.testing.assert_close(layer(inputs)[0], step_by_step(layer, inputs, zero, zero)[0])


def test_on_one_position_it_is_torchs_lstm() -> None:
    torch.manual_seed(5)
    ours = ConvLSTMLayer(2, 3, kernel_size=1)
    torch.manual_seed(5)
    theirs = nn.LSTM(2, 3, batch_first=True)
    inputs = torch.randn(4, 5, 2)
    states, (state, cell) = ours(inputs[..., None, None])
    expected, (last_state, last_cell) = theirs(inputs)
    torch.testing.assert_close(states.flatten(2), expected)
    torch.testing.assert_close((state.flatten(1), cell.flatten(1)), (last_state[0], last_cell[0]))


def test_packed_sequences_end_where_they_end() -> None:
    layer = ConvLSTMLayer(2, 3, kernel_size=3)
    inputs, lengths = torch.randn(4, 5, 2, 3, 3), torch.tensor([2, 5, 1, 5])
    packed, (state, cell) = layer(
        pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    )
    states, _ = pad_packed_sequence(packed, batch_first=True)
    for row, length in enumerate(lengths.tolist()):
        alone, (last_state, last_cell) = layer(inputs[row : row + 1, :length])
        torch.testing.assert_close(states[row, :length], alone[0])
        torch.testing.assert_close((state[row], cell[row]), (last_state[0], last_cell[0]))


def network(
    frame_shape: tuple[int, int, int] = (1, 6, 4), decoded_steps: tuple[int, ...] = (3,), **settings: object
) -> Network:
    config = ConvLSTMConfig.model_validate({"hidden_size": 4, **settings})
    channels, height, width = frame_shape
    num_pixels = channels * height * width
    return build_model(config, Interface(num_pixels, num_pixels, 5, "decoded", decoded_steps, frame_shape))


@pytest.mark.parametrize("decoder_input", ["zero", "own", "teacher"])
@pytest.mark.parametrize("patch_size", [1, 2])
def test_frames_come_out_as_they_went_in(decoder_input: str, patch_size: int) -> None:
    model = network((2, 6, 4), (3, 2), decoder_input=decoder_input, patch_size=patch_size, depth=2)
    inputs = torch.rand(2, 5, 48)
    trace = model.trace(inputs, teacher=Teacher(torch.rand(2, 5, 48), 0.0))
    assert trace.outputs.shape == (2, 5, 48)
    positions = 24 // patch_size**2
    assert [layer.states.shape for layer in trace.layers] == [
        (2, steps, 4 * positions) for steps in (5, 5, 3, 3, 2, 2)
    ]


def test_a_pixel_is_heard_of_near_by_only() -> None:
    model = network((1, 9, 9), (1,), kernel_size=3).eval()
    inputs = torch.rand(1, 1, 81)
    other = inputs.clone()
    other[0, 0, 4 * 9 + 4] += 1
    changed = (model(inputs) != model(other))[0, 0].view(9, 9)
    assert changed[2:7, 2:7].any()
    changed[2:7, 2:7] = False
    assert not changed.any(), "one step in, one step out: two kernels reach two pixels"


def test_padding_changes_nothing() -> None:
    model = network(depth=2)
    inputs, lengths = torch.rand(3, 5, 24), torch.tensor([3, 1, 5])
    together = model(inputs, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(together[row : row + 1], model(inputs[row : row + 1, :length]))


def test_a_patch_must_divide_the_frame() -> None:
    with pytest.raises(ValueError, match="patch_size=4 does not divide frames of 6 x 9 pixels: 3 does"):
        network((1, 6, 9), patch_size=4)


def test_an_even_kernel_has_no_middle() -> None:
    with pytest.raises(ValidationError, match="4 is even, and a kernel needs a middle: take 3 or 5"):
        ConvLSTMConfig(kernel_size=4)


def test_outputs_that_are_no_frames_cannot_be_seen_as_such() -> None:
    interface = Interface(24, 10, 5, "decoded", (3,), (1, 6, 4))
    with pytest.raises(ValueError, match=r"sees frames of 1 x 6 x 4 only, .* set model.decoder_input=zero"):
        build_model(ConvLSTMConfig(decoder_input="own"), interface)
    model = build_model(ConvLSTMConfig(decoder_input="zero"), interface)
    assert model(torch.rand(2, 5, 24)).shape == (2, 3, 10)


def test_it_memorises_four_sequences() -> None:
    torch.manual_seed(0)
    frames = torch.rand(4, 3, 16).round()
    model = network((1, 4, 4), (3,), hidden_size=16, decoder_input="teacher")
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        loss = (model(frames, teacher=Teacher(frames, 0.0)) - frames).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * frames.var()
