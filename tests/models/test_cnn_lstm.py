"""Frames through convolutions and back, whatever their size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from failmap.models import build_model
from failmap.models.config import CnnLSTMConfig
from failmap.models.encoder_decoder.frames import doubling_convolutions, halved, halving_convolutions
from failmap.models.network import Interface, Network, Teacher

SIZES = st.integers(4, 70) | st.sampled_from([127, 128, 511, 512])


def network(
    frame_shape: tuple[int, int, int] = (1, 7, 10),
    decoded_steps: tuple[int, ...] = (3,),
    **values: object,
) -> Network:
    config = CnnLSTMConfig.model_validate({"hidden_size": 6, "channels": 3, **values})
    channels, height, width = frame_shape
    num_pixels = channels * height * width
    return build_model(config, Interface(num_pixels, num_pixels, 5, "decoded", decoded_steps, frame_shape))


@settings(deadline=None, max_examples=40)
@given(height=SIZES, width=SIZES, channels=st.integers(1, 3), kernel_size=st.sampled_from([1, 3, 5, 7]))
def test_the_mirror_gives_the_frames_size_back(
    height: int, width: int, channels: int, kernel_size: int
) -> None:
    shape = (channels, height, width)
    frames = torch.rand(1, 2, channels * height * width)
    maps = halving_convolutions(shape, 2, kernel_size)(frames)
    assert maps.shape == (1, 2, 4, halved(halved(height)), halved(halved(width)))
    assert doubling_convolutions(4, shape, 2, kernel_size)(maps).shape == frames.shape


def test_every_frame_is_seen_by_itself() -> None:
    convolutions = halving_convolutions((2, 5, 6), 3, 3)
    frames = torch.rand(2, 4, 60)
    picture = frames[1, 2].view(1, 2, 5, 6)
    first, second = (module for module in convolutions.modules() if isinstance(module, nn.Conv2d))
    torch.testing.assert_close(convolutions(frames)[1, 2], second(first(picture).relu()).relu()[0])


@pytest.mark.parametrize("decoder_input", ["zero", "own", "teacher"])
@pytest.mark.parametrize("features", ["flat", "spatial"])
@pytest.mark.parametrize("depth", [1, 2])
def test_odd_frame_sizes_are_kept(decoder_input: str, features: str, depth: int) -> None:
    model = network((2, 7, 10), (3, 2), decoder_input=decoder_input, features=features, depth=depth)
    inputs = torch.rand(2, 5, 140)
    trace = model.trace(inputs, teacher=Teacher(torch.rand(2, 5, 140), 0.0))
    assert trace.outputs.shape == (2, 5, 140)
    units = 6 if features == "flat" else 6 * 2 * 3
    assert [layer.states.shape[1:] for layer in trace.layers] == [
        (steps, units) for steps in (5, 3, 2) for _ in range(depth)
    ]
    assert model.eval()(inputs).shape == (2, 5, 140)


@pytest.mark.parametrize("features", ["flat", "spatial"])
def test_every_weight_that_trains_gets_a_gradient(features: str) -> None:
    torch.manual_seed(0)
    model = network(decoded_steps=(3, 2), features=features)
    model(torch.rand(4, 5, 70)).sum().backward()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained.keys() == dict(model.named_parameters()).keys()
    assert all(weight.grad is not None and (weight.grad != 0).any() for weight in trained.values())


@pytest.mark.parametrize("features", ["flat", "spatial"])
def test_padding_changes_nothing(features: str) -> None:
    model = network(features=features)
    inputs, lengths = torch.rand(3, 5, 70), torch.tensor([3, 1, 5])
    together = model(inputs, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(together[row : row + 1], model(inputs[row : row + 1, :length]))


@pytest.mark.parametrize("features", ["flat", "spatial"])
def test_one_class_of_a_sequence_of_pictures(features: str) -> None:
    config = CnnLSTMConfig(features=features, channels=2, hidden_size=4)
    model = build_model(config, Interface(70, 3, 5, "sequence", frame_shape=(1, 7, 10)))
    assert model(torch.rand(2, 5, 70)).shape == (2, 3)


@pytest.mark.parametrize("features", ["flat", "spatial"])
def test_outputs_that_are_no_frames_cannot_be_seen_as_such(features: str) -> None:
    interface = Interface(70, 3, 5, "decoded", (2,), (1, 7, 10))
    with pytest.raises(ValueError, match="model=cnn_lstm sees frames of 1 x 7 x 10 only"):
        build_model(CnnLSTMConfig(features=features, decoder_input="teacher"), interface)


def test_an_even_kernel_has_no_middle() -> None:
    with pytest.raises(ValidationError, match="2 is even, and a kernel needs a middle: take 1 or 3"):
        CnnLSTMConfig(kernel_size=2)


@pytest.mark.parametrize("features", ["flat", "spatial"])
def test_it_memorises_four_sequences(features: str) -> None:
    torch.manual_seed(0)
    frames = torch.rand(4, 3, 16).round()
    model = network((1, 4, 4), (3,), features=features, hidden_size=24, channels=8, decoder_input="teacher")
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        loss = (model(frames, teacher=Teacher(frames, 0.0)) - frames).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * frames.var()
