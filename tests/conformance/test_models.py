"""What every network must keep to, whatever is in it."""

from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from failmap.conformance import check_model
from failmap.models import build_model
from failmap.models.config import MODEL_CONFIGS, DecodingConfig, NetworkConfig, OutputLayout, RecurrentConfig
from failmap.models.network import Interface, Network, Teacher

BATCH, STEPS = 4, 6
DECODED_STEPS = (3, 2)
FRAME_SHAPE = (1, 8, 8)

VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"name": name} for name in MODEL_CONFIGS},
    "rnn of relu": {"name": "rnn", "nonlinearity": "relu", "initialization": "identity"},
    "rnn, batch norm": {"name": "rnn", "batch_norm": True},
    "rnn, highway, both ways": {"name": "rnn", "highway": True, "bidirectional": True},
    "gru, both ways": {"name": "gru", "bidirectional": True},
    "gru, residual, layer norm": {"name": "gru", "residual": True, "layer_norm": True},
    "gru of widths": {"name": "gru", "widths": "8-4", "readout_from": "all", "initialization": "orthogonal"},
    "gru, dropout within": {"name": "gru", "variational_dropout": 0.5, "bidirectional": True},
    "lstm, both ways, batch norm": {"name": "lstm", "bidirectional": True, "batch_norm": True},
    "lstm, highway, chrono": {"name": "lstm", "highway": True, "chrono": True},
    "lstm, dropout within and between": {"name": "lstm", "variational_dropout": 0.5, "dropout": 0.5},
    "lstm, all read": {"name": "lstm", "readout_from": "all", "residual": True, "initialization": "he"},
    "encoder_decoder, zero": {"name": "encoder_decoder", "decoder_input": "zero", "recurrence": "gru"},
    "encoder_decoder, true": {"name": "encoder_decoder", "decoder_input": "teacher", "input_layers": 0},
    "encoder_decoder, true at times": {
        "name": "encoder_decoder",
        "decoder_input": "teacher",
        "final_true_share": 0.0,
        "output_layers": 2,
    },
    "cnn_lstm of maps": {"name": "cnn_lstm", "features": "spatial"},
    "conv_lstm of patches": {"name": "conv_lstm", "patch_size": 2, "decoder_input": "zero"},
    "mlp, dropout": {"name": "mlp", "dropout": 0.2},
    "convolution, dropout": {"name": "convolution", "dropout": 0.2},
    "attention, dropout": {"name": "attention", "dropout": 0.2},
}


def config_of(variant: dict[str, Any]) -> NetworkConfig:
    return MODEL_CONFIGS[variant["name"]].model_validate({"depth": 2, "hidden_size": 8, **variant})


CASES = [
    pytest.param(config_of(variant), layout, id=f"{name}: {layout}")
    for name, variant in VARIANTS.items()
    for layout in config_of(variant).layouts
]
every_case = pytest.mark.parametrize(("config", "layout"), CASES)


def interface(config: NetworkConfig, layout: OutputLayout, num_steps: int = STEPS) -> Interface:
    frame_size = FRAME_SHAPE[1] * FRAME_SHAPE[2]
    is_decoded = layout == "decoded"
    return Interface(
        input_size=frame_size if config.needs_frames else 3,
        output_size=frame_size if config.needs_frames and is_decoded else 2,
        num_steps=num_steps,
        layout=layout,
        decoded_steps=DECODED_STEPS if is_decoded else (),
        frame_shape=FRAME_SHAPE if config.needs_frames else None,
    )


def build(config: NetworkConfig, layout: OutputLayout, seed: int = 0, num_steps: int = STEPS) -> Network:
    torch.manual_seed(seed)
    return build_model(config, interface(config, layout, num_steps))


def random_inputs(model: Network, batch: int = BATCH, num_steps: int = STEPS) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, num_steps, model.interface.input_size, generator=generator)


def label_shape(model: Network, num_steps: int) -> tuple[int, ...]:
    """The dimensions between batch and outputs."""
    return {"sequence": (), "step": (num_steps,), "decoded": (sum(DECODED_STEPS),)}[model.interface.layout]


def mixes_the_batch(config: NetworkConfig) -> bool:
    """Batch norm in training is the one thing that lets a sequence see the others of its batch."""
    return isinstance(config, RecurrentConfig) and config.batch_norm


def is_dropped(config: NetworkConfig) -> bool:
    return config.dropout > 0 or (isinstance(config, RecurrentConfig) and config.variational_dropout > 0)


def draws(config: NetworkConfig, layout: OutputLayout) -> bool:
    """Whether a pass in training draws random numbers: a decoder of one step has no frame to be shown."""
    return is_dropped(config) or (config.draws_randomly and layout == "decoded")


def teacher_for(model: Network, progress: float) -> Teacher:
    """Random targets, where outputs are."""
    targets = torch.rand(BATCH, *label_shape(model, STEPS), model.interface.output_size)
    return Teacher(targets, progress)


@pytest.mark.parametrize(
    ("config", "layout"), [case for case in CASES if case.values[1] in ("sequence", "step")]
)
def test_keeps_to_the_contract_of_own_networks(config: NetworkConfig, layout: OutputLayout) -> None:
    sizes = interface(config, layout)
    found = check_model(
        lambda input_size, output_size: build_model(config, interface(config, layout)),
        input_size=sizes.input_size,
        output_size=sizes.output_size,
        num_steps=STEPS,
        layout=layout,
    )
    assert found == []


@every_case
@pytest.mark.parametrize("num_steps", [STEPS, STEPS - 2], ids=["full", "shorter"])
def test_output_shape_follows_the_layout(config: NetworkConfig, layout: OutputLayout, num_steps: int) -> None:
    model = build(config, layout)
    outputs = model(random_inputs(model, num_steps=num_steps))
    assert outputs.shape == (BATCH, *label_shape(model, num_steps), model.interface.output_size)
    assert outputs.dtype == torch.float32


@every_case
def test_one_step_of_one_sequence(config: NetworkConfig, layout: OutputLayout) -> None:
    for num_steps in (1, STEPS):
        model = build(config, layout, num_steps=num_steps)
        if mixes_the_batch(config):
            model.eval()
        outputs = model(random_inputs(model, batch=1, num_steps=1))
        assert outputs.shape == (1, *label_shape(model, 1), model.interface.output_size)
        assert outputs.isfinite().all()


@every_case
def test_every_parameter_is_in_exactly_one_part(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout)
    in_parts = [id(parameter) for part in model.parts().values() for parameter in part.parameters()]
    assert sorted(in_parts) == sorted(id(parameter) for parameter in model.parameters())


@every_case
def test_trainable_parameters_receive_gradients(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout)
    outputs = model(random_inputs(model, batch=16))
    (outputs * torch.randn(outputs.shape)).sum().backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{name} is not connected"
            assert (parameter.grad != 0).any(), f"{name} has a gradient of zero"


@every_case
def test_no_sequence_sees_another_one(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout)
    for training in (False,) if mixes_the_batch(config) else (False, True):
        model.train(training)
        inputs = random_inputs(model).requires_grad_()
        model(inputs)[1].square().sum().backward()
        assert inputs.grad is not None
        assert (inputs.grad[1] != 0).any()
        assert (inputs.grad[[0, 2, 3]] == 0).all()


@pytest.mark.parametrize(
    "config", [pytest.param(case.values[0], id=case.id) for case in CASES if case.values[1] == "step"]
)
def test_no_output_sees_a_later_step(config: NetworkConfig) -> None:
    model = build(config, "step").eval()
    sees_ahead = isinstance(config, RecurrentConfig) and config.bidirectional
    for step in range(STEPS):
        inputs = random_inputs(model).requires_grad_()
        model(inputs)[:, step].square().sum().backward()
        assert inputs.grad is not None
        seen = (inputs.grad != 0).any(dim=(0, 2)).tolist()
        assert seen[step]
        assert any(seen[step + 1 :]) == (sees_ahead and step + 1 < STEPS)


@every_case
def test_draws_randomly_is_correct(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout)
    inputs, teacher = random_inputs(model), teacher_for(model, progress=0.5)
    before = torch.get_rng_state()
    model(inputs, teacher=teacher)
    assert torch.equal(torch.get_rng_state(), before) == (not draws(config, layout))
    model.eval()
    before = torch.get_rng_state()
    assert torch.equal(model(inputs), model(inputs))
    assert torch.equal(torch.get_rng_state(), before)


@every_case
def test_dropout_makes_a_difference_in_training(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout)
    inputs = random_inputs(model)
    same = torch.equal(model(inputs), model(inputs))
    assert same == (not is_dropped(config))


@every_case
def test_weights_depend_on_the_seed(config: NetworkConfig, layout: OutputLayout) -> None:
    one, same, other = (build(config, layout, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in one.items())


@every_case
def test_weights_can_be_stored_and_loaded(config: NetworkConfig, layout: OutputLayout) -> None:
    stored, model = build(config, layout, seed=1).eval(), build(config, layout).eval()
    inputs = random_inputs(model)
    model.load_state_dict(load(save(stored.state_dict())))
    assert torch.equal(model(inputs), stored(inputs))


@every_case
def test_memory_grows_with_the_steps(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout)
    entries = [model.state_entries(num_steps) for num_steps in (1, 2, 50)]
    assert 0 < entries[0] < entries[1] < entries[2]


@every_case
def test_trace_agrees_with_outputs(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout).eval()
    inputs = random_inputs(model)
    trace = model.trace(inputs)
    assert torch.equal(trace.outputs, model(inputs))
    assert len(trace.layers) >= config.depth
    parts = model.parts()
    for layer in trace.layers:
        assert set(layer.layer.parameters()) <= set(parts[layer.name].parameters())
        assert layer.inputs.shape[:2] == layer.states.shape[:2]
        assert layer.outputs.shape == layer.states.shape
        assert len(layer.states) == BATCH
        assert layer.outputs.isfinite().all()


@every_case
def test_padding_changes_nothing(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout).eval()
    inputs = random_inputs(model)
    lengths = torch.tensor([STEPS, 1, 4, 2])
    for sequence, length in zip(inputs, lengths, strict=True):
        sequence[length:] = 0
    together = model(inputs, lengths)
    for index, length in enumerate(lengths):
        alone = model(inputs[index : index + 1, :length])[0]
        among_others = together[index, :length] if layout == "step" else together[index]
        torch.testing.assert_close(among_others, alone, rtol=1e-4, atol=1e-6)


@every_case
def test_lengths_that_are_all_full_change_nothing(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout).eval()
    inputs = random_inputs(model)
    with_lengths = model(inputs, torch.full((BATCH,), STEPS))
    torch.testing.assert_close(with_lengths, model(inputs), rtol=1e-4, atol=1e-6)


@every_case
def test_only_decoders_on_their_own_outputs_feed_back(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout).eval()
    inputs = random_inputs(model)
    before = model(inputs)
    model.feed_back_through(lambda outputs: 2 - outputs)
    after = model(inputs)
    if not (isinstance(config, DecodingConfig) and config.decoder_input != "zero" and layout == "decoded"):
        assert torch.equal(after, before)
        return
    first_steps = [0, DECODED_STEPS[0]]
    later_steps = [step for step in range(sum(DECODED_STEPS)) if step not in first_steps]
    assert torch.equal(after[:, first_steps], before[:, first_steps]), "nothing was said before"
    assert (after[:, later_steps] != before[:, later_steps]).any(dim=(0, 2)).all()


@every_case
def test_teacher_is_used_in_training_only(config: NetworkConfig, layout: OutputLayout) -> None:
    model = build(config, layout)
    inputs, teacher = random_inputs(model), teacher_for(model, progress=0.0)
    if not is_dropped(config):
        asks = (
            isinstance(config, DecodingConfig) and config.decoder_input == "teacher" and layout == "decoded"
        )
        assert torch.equal(model(inputs, teacher=teacher), model(inputs)) == (not asks)
    model.eval()
    assert torch.equal(model(inputs, teacher=teacher), model(inputs))
