"""The encoder-decoder against a loop over torch's cells, and what it is shown, copies and shares."""

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from failmap.models import build_model
from failmap.models.config import EncoderDecoderConfig
from failmap.models.encoder_decoder.linear import EncoderDecoder
from failmap.models.network import Interface, Network, Teacher

BATCH, STEPS, PIXELS, UNITS = 3, 4, 6, 5
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def network(
    decoded_steps: tuple[int, ...] = (3,),
    input_size: int = PIXELS,
    output_size: int = PIXELS,
    **settings: object,
) -> EncoderDecoder:
    config = EncoderDecoderConfig.model_validate({"hidden_size": UNITS, **settings})
    model = build_model(config, Interface(input_size, output_size, STEPS, "decoded", decoded_steps))
    model.feed_back_through(torch.sigmoid)
    assert isinstance(model, EncoderDecoder)
    return model


def teacher_of(num_steps: int, progress: float = 0.0) -> Teacher:
    return Teacher(torch.rand(BATCH, num_steps, PIXELS), progress)


def cell_of(layer: nn.RNNBase) -> Callable[[Tensor, object], object]:
    """Torch's cell with the weights of a one-layer module."""
    cell = CELLS[layer.mode.split("_")[0].lower()](layer.input_size, layer.hidden_size)
    for name, parameter in cell.named_parameters():
        parameter.data.copy_(layer.get_parameter(f"{name}_l0").data)
    return cell


def hidden(state: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    return state[0] if isinstance(state, tuple) else state


def by_hand(model: EncoderDecoder, inputs: Tensor, fed: str, truth: Tensor) -> Tensor:
    """One layer, one decoder, written out step by step."""
    (encoder_layer,) = model.encoder.layers
    (decoder,) = model.decoders
    encode, decode = cell_of(encoder_layer), cell_of(decoder.stack.layers[0].layer)
    state = None
    for frame in inputs.unbind(1):
        state = encode(model.frame_map(frame), state)
    frames: list[Tensor] = []
    seen = torch.zeros(len(inputs), PIXELS)
    for step in range(decoder.num_steps):
        if fed == "zero":
            state = decode(torch.zeros(len(inputs), 1), state)
        else:
            state = decode(decoder.frame_map(seen), state)
        frames.append(decoder.readout(hidden(state)))
        seen = truth[:, step] if fed == "teacher" else frames[-1].sigmoid()
    return torch.stack(frames, dim=1)


@pytest.mark.parametrize("recurrence", CELLS)
@pytest.mark.parametrize("decoder_input", ["zero", "own", "teacher"])
@pytest.mark.parametrize("linear", [(0, 1), (1, 1), (2, 2)])
def test_it_agrees_with_a_loop_over_cells(
    recurrence: str, decoder_input: str, linear: tuple[int, int]
) -> None:
    input_layers, output_layers = linear
    model = network(
        recurrence=recurrence,
        decoder_input=decoder_input,
        input_layers=input_layers,
        output_layers=output_layers,
        linear_size=7,
    )
    inputs, teacher = torch.rand(BATCH, STEPS, PIXELS), teacher_of(3)
    expected = by_hand(model, inputs, decoder_input, teacher.targets)
    torch.testing.assert_close(model(inputs, teacher=teacher), expected)

    model.eval()
    alone = "zero" if decoder_input == "zero" else "own"
    torch.testing.assert_close(model(inputs), by_hand(model, inputs, alone, teacher.targets))


def test_no_teacher_in_evaluation() -> None:
    model = network(decoder_input="teacher").eval()
    inputs = torch.rand(BATCH, STEPS, PIXELS)
    assert torch.equal(model(inputs, teacher=teacher_of(3)), model(inputs))


def test_true_share_zero_equals_own_frames() -> None:
    taught = network(decoder_input="teacher", true_share=0, final_true_share=0)
    own = network(decoder_input="own")
    own.load_state_dict(taught.state_dict())
    inputs = torch.rand(BATCH, STEPS, PIXELS)
    assert torch.equal(taught(inputs, teacher=teacher_of(3)), own(inputs))


@pytest.mark.parametrize(("progress", "num_calls"), [(0.0, 1), (1.0, 41)])
def test_true_share_changes_linearly(progress: float, num_calls: int) -> None:
    assert count_calls(progress) == num_calls


def test_half_way_about_half_are_shown() -> None:
    torch.manual_seed(1)
    # 40 coins fall outside of this once in 10^6.
    assert 5 <= count_calls(0.5) - 1 <= 35


def count_calls(progress: float) -> int:
    """Calls of the decoder's kernel: one, and one for each of 40 steps that is not shown the true frame."""
    model = network(decoded_steps=(41,), decoder_input="teacher", true_share=1, final_true_share=0)
    calls = []
    model.decoders[0].stack.layers[0].register_forward_hook(lambda *_: calls.append(1))
    model(torch.rand(BATCH, STEPS, PIXELS), teacher=teacher_of(41, progress))
    return len(calls)


def test_each_decoder_is_given_its_own_targets() -> None:
    model = network(decoded_steps=(2, 3), decoder_input="teacher")
    inputs, teacher = torch.rand(BATCH, STEPS, PIXELS), teacher_of(5)
    outputs = model(inputs, teacher=teacher)
    for shown, sees_it in [(0, [1]), (1, []), (2, [3, 4]), (3, [4]), (4, [])]:
        other = teacher.targets.clone()
        other[:, shown] = 0.5
        changed = (model(inputs, teacher=Teacher(other, 0.0)) != outputs).any(dim=0).any(dim=-1)
        assert changed.nonzero().flatten().tolist() == sees_it


def test_each_decoder_trains_the_whole_encoder() -> None:
    model = network(decoded_steps=(3, 2), depth=2, decoder_input="own")
    first, second = model.decoders
    assert not set(first.parameters()) & set(second.parameters())
    outputs = model(torch.rand(BATCH, STEPS, PIXELS))
    for said, decoder, other in [(outputs[:, :3], first, second), (outputs[:, 3:], second, first)]:
        model.zero_grad()
        said.sum().backward(retain_graph=True)
        for parameter in [*model.encoder.parameters(), *model.frame_map.parameters(), *decoder.parameters()]:
            assert parameter.grad is not None
            assert (parameter.grad != 0).any()
        assert all((p.grad == 0).all() for p in other.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("decoder_input", "decoded_steps"), [("zero", (3,)), ("own", (1,)), ("teacher", (1,))]
)
def test_blind_decoder_has_no_input_weights(decoder_input: str, decoded_steps: tuple[int]) -> None:
    model = network(decoder_input=decoder_input, decoded_steps=decoded_steps)
    assert "decoders.0.frame_map" not in model.parts()
    model(torch.rand(BATCH, STEPS, PIXELS), teacher=teacher_of(*decoded_steps)).sum().backward()
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert frozen == ["decoders.0.stack.layers.0.layer.weight_ih_l0"]
    assert all((p.grad != 0).any() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("decoder_input", ["zero", "own", "teacher"])
def test_single_output_is_one_decoder_step(decoder_input: str) -> None:
    config = EncoderDecoderConfig(decoder_input=decoder_input)
    model = build_model(config, Interface(2, 1, num_steps=9, layout="sequence"))
    inputs = torch.rand(BATCH, 9, 2)
    assert model(inputs, teacher=Teacher(torch.rand(BATCH), 0.0)).shape == (BATCH, 1)


@pytest.mark.parametrize("decoder_input", ["zero", "own", "teacher"])
def test_outputs_need_not_be_like_the_inputs(decoder_input: str) -> None:
    model = network(input_size=4, output_size=1, decoder_input=decoder_input)
    model.feed_back_through(lambda outputs: outputs.squeeze(-1))
    inputs = torch.rand(BATCH, STEPS, 4)
    teacher = Teacher(torch.rand(BATCH, 3), 0.0)
    assert model(inputs, teacher=teacher).shape == (BATCH, 3, 1)
    assert model.eval()(inputs).shape == (BATCH, 3, 1)


def test_true_classes_are_one_hot() -> None:
    model = network(output_size=3, decoder_input="teacher")
    model.feed_back_through(lambda outputs: outputs.softmax(-1))
    inputs, classes = torch.rand(BATCH, STEPS, PIXELS), torch.tensor([[0, 2, 1]] * BATCH)
    certain = nn.functional.one_hot(classes, 3).float()
    assert torch.equal(
        model(inputs, teacher=Teacher(classes, 0.0)), model(inputs, teacher=Teacher(certain, 0.0))
    )


@pytest.mark.parametrize("recurrence", CELLS)
def test_padding_changes_nothing(recurrence: str) -> None:
    model = network(recurrence=recurrence, depth=2)
    lengths = torch.tensor([2, 4, 1])
    inputs = torch.rand(BATCH, STEPS, PIXELS)
    together = model(inputs, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = model(inputs[row : row + 1, :length])
        torch.testing.assert_close(together[row : row + 1], alone)


def test_trace_order() -> None:
    model = network(decoded_steps=(3, 2), depth=2)
    trace = model.trace(torch.rand(BATCH, STEPS, PIXELS))
    names = ["encoder.0", "encoder.1", "decoders.0.0", "decoders.0.1", "decoders.1.0", "decoders.1.1"]
    assert [layer.name for layer in trace.layers] == names
    assert [layer.states.shape for layer in trace.layers] == [
        (BATCH, steps, UNITS) for steps in (STEPS, STEPS, 3, 3, 2, 2)
    ]
    assert [layer.inputs.shape for layer in trace.layers] == [layer.states.shape for layer in trace.layers]
    parts = model.parts()
    assert all(parts[layer.name] is layer.layer for layer in trace.layers)
    assert list(parts)[-1] == "readouts"


def test_dropout_acts_between_layers_in_training_only() -> None:
    inputs = torch.rand(BATCH, STEPS, PIXELS)
    model = network(depth=2, dropout=0.5)
    assert not torch.equal(model(inputs), model(inputs))
    model.eval()
    assert torch.equal(model(inputs), model(inputs))
    single = network(depth=1, dropout=0.5)
    assert torch.equal(single(inputs), single(inputs)), "one layer has nothing between layers"


def test_the_forget_bias_is_that_of_every_layer() -> None:
    model = network(depth=2, forget_bias=1.5)
    layers = [*model.encoder.layers, *(layer.layer for layer in model.decoders[0].stack.layers)]
    for layer in layers:
        total = layer.get_parameter("bias_ih_l0") + layer.get_parameter("bias_hh_l0")
        assert (total[UNITS : 2 * UNITS] == 1.5).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decoder_input": "own", "true_share": 0.5}, "set model.decoder_input=teacher, not own"),
        ({"recurrence": "gru", "forget_bias": 1.0}, "model.forget_bias is of an LSTM"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EncoderDecoderConfig.model_validate(settings)


@pytest.mark.parametrize(
    ("first", "last", "is_random"), [(1, 1, False), (0, 0, False), (1, 0, True), (0.5, 0.5, True)]
)
def test_mixed_shares_draw_random_numbers(first: float, last: float, is_random: bool) -> None:
    config = EncoderDecoderConfig(decoder_input="teacher", true_share=first, final_true_share=last)
    assert config.draws_randomly is is_random


def overfit(model: Network, frames: Tensor, num_updates: int) -> float:
    """The squared error on sequences that were trained on again and again."""
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(num_updates):
        loss = (model(frames, teacher=Teacher(frames, 0.0)) - frames).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("decoder_input", ["zero", "own", "teacher"])
def test_it_memorises_four_sequences(decoder_input: str) -> None:
    torch.manual_seed(0)
    frames = torch.rand(4, 3, PIXELS)
    model = network(decoder_input=decoder_input, hidden_size=24)
    model.feed_back_through(lambda outputs: outputs)
    assert overfit(model, frames, num_updates=300) < 1e-3 < frames.var()
