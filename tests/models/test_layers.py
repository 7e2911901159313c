"""Norm, bypass and dropout around a recurrence, against their definitions."""

from typing import Any

import pytest
import torch
from torch import nn

from failmap.models.config import MODEL_CONFIGS
from failmap.models.layers import RecurrentLayer

INPUTS = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([7, 1, 4, 6])


def layer(name: str = "lstm", *, is_lowest: bool = False, **settings: Any) -> RecurrentLayer:
    config = MODEL_CONFIGS[name].model_validate({"depth": 2, "hidden_size": 5, **settings})
    width = 5 * (1 + config.bidirectional)
    return RecurrentLayer(config, 5 if is_lowest else width, 5, is_lowest=is_lowest)


def test_a_plain_layer_passes_its_states_on() -> None:
    passed = layer()(INPUTS)
    assert passed.outputs is passed.states
    assert passed.inputs is INPUTS


def test_a_residual_layer_adds_what_it_was_given() -> None:
    passed = layer(residual=True)(INPUTS)
    assert torch.equal(passed.outputs, INPUTS + passed.states)


def test_a_highway_layer_mixes_by_its_gate() -> None:
    mixing = layer(highway=True)
    passed = mixing(INPUTS)
    assert mixing.highway_gate is not None
    gate = torch.sigmoid(INPUTS @ mixing.highway_gate.weight.T + mixing.highway_gate.bias)
    torch.testing.assert_close(passed.outputs, gate * passed.states + (1 - gate) * INPUTS)


def test_highway_passes_mostly_its_input_at_first() -> None:
    mixing = layer(highway=True)
    with torch.no_grad():
        passed = mixing(torch.zeros(1, 1, 5))
    torch.testing.assert_close(passed.outputs, passed.states * torch.sigmoid(torch.tensor(-1.0)))


@pytest.mark.parametrize("bypass", ["residual", "highway"])
def test_the_lowest_layer_has_no_bypass(bypass: str) -> None:
    passed = layer(is_lowest=True, **{bypass: True})(INPUTS)
    assert passed.outputs is passed.states


@pytest.mark.parametrize("bypass", ["residual", "highway"])
def test_a_bidirectional_layer_can_be_bypassed(bypass: str) -> None:
    both = torch.cat([INPUTS, INPUTS], dim=-1)
    assert layer(bidirectional=True, **{bypass: True})(both).outputs.shape == (4, 7, 10)


def test_bypass_is_not_dropped() -> None:
    passed = layer(residual=True, dropout=0.9)(INPUTS)
    assert (passed.inputs == 0).any()
    assert torch.equal(passed.outputs, INPUTS + passed.states)


def test_layer_norm_is_over_the_units_of_a_step() -> None:
    outputs = layer(layer_norm=True)(INPUTS).outputs
    torch.testing.assert_close(outputs.mean(-1), torch.zeros(4, 7), atol=1e-5, rtol=0)
    assert (outputs.square().mean(-1) > 0.9).all()


def test_the_norm_comes_before_the_bypass() -> None:
    outputs = layer(layer_norm=True, residual=True)(INPUTS).outputs - INPUTS
    torch.testing.assert_close(outputs.mean(-1), torch.zeros(4, 7), atol=1e-5, rtol=0)


def test_batch_norm_is_over_batch_and_time() -> None:
    outputs = layer(batch_norm=True)(INPUTS).outputs
    torch.testing.assert_close(outputs.mean((0, 1)), torch.zeros(5), atol=1e-5, rtol=0)
    assert (outputs.square().mean((0, 1)) > 0.9).all()


def test_batch_norm_leaves_padding_out() -> None:
    outputs = layer(batch_norm=True)(INPUTS, LENGTHS).outputs
    inside = torch.cat([sequence[:length] for sequence, length in zip(outputs, LENGTHS, strict=True)])
    torch.testing.assert_close(inside.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    assert (outputs[1, 1:] == 0).all()


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_backward_direction_skips_padding(name: str) -> None:
    reading = layer(name, bidirectional=True, is_lowest=True)
    states = reading(INPUTS, LENGTHS).states
    for sequence, length, own in zip(INPUTS, LENGTHS, states, strict=True):
        alone = reading(sequence[None, :length]).states[0]
        torch.testing.assert_close(own[:length], alone)


def test_a_frozen_norm_stays_as_it_is_in_training() -> None:
    frozen = layer(batch_norm=True)
    frozen.freeze()
    frozen.train()
    assert isinstance(frozen.norm, nn.BatchNorm1d)
    frozen(INPUTS + 10)
    assert (frozen.norm.running_mean == 0).all()
    assert frozen.recurrence.training, "a GPU's kernel has gradients in training mode only"


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_dropout_within_is_for_training_only(name: str) -> None:
    dropping = layer(name, variational_dropout=0.5)
    assert not torch.equal(dropping(INPUTS).states, dropping(INPUTS).states)
    dropping.eval()
    assert torch.equal(dropping(INPUTS).states, dropping.recurrence(INPUTS)[0])
