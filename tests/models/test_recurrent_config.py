"""Refused settings of a stack."""

from typing import Any

import pytest
from pydantic import ValidationError

from failmap.models.config import GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 2, "widths": "8-4-2"}, "names 3 layers, and model.depth is 2"),
        ({"residual": True, "highway": True}, "a layer is bypassed one way, not both"),
        ({"depth": 2, "widths": "8-4", "residual": True}, "need layers of one width"),
        ({"layer_norm": True, "batch_norm": True}, "choose one"),
        ({"depth": 2, "frozen_layers": 3}, "model.frozen_layers=3 is more than model.depth=2"),
        ({"widths": "8-0"}, "pattern"),
        ({"start_from": "run"}, "pattern"),
    ],
)
@pytest.mark.parametrize("kind", [RNNConfig, GRUConfig, LSTMConfig])
def test_settings_that_do_not_fit_are_refused(
    kind: type[RecurrentConfig], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        kind.model_validate(settings)


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(ValidationError) as raised:
        GRUConfig(residual=True, highway=True, layer_norm=True, batch_norm=True)
    assert "not both\nmodel.layer_norm" in str(raised.value)


def test_only_one_rule_sets_the_forget_bias() -> None:
    with pytest.raises(ValidationError, match=r"leave model\.forget_bias out"):
        LSTMConfig(chrono=True, forget_bias=1.0)


def test_widths_replace_hidden_size() -> None:
    assert GRUConfig(depth=3, hidden_size=7).layer_widths == (7, 7, 7)
    assert GRUConfig(depth=3, widths="128-64-32").layer_widths == (128, 64, 32)


@pytest.mark.parametrize("settings", [{"dropout": 0.1}, {"variational_dropout": 0.1}])
def test_each_kind_of_dropout_draws(settings: dict[str, float]) -> None:
    assert RNNConfig.model_validate(settings).draws_randomly
    assert not RNNConfig().draws_randomly
