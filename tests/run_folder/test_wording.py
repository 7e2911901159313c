"""How labels and amounts read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.wording import (
    any_of,
    axis_display,
    axis_labels,
    duration_display,
    is_scale,
    label_display,
    label_lines,
    label_text,
    name_display,
    path_display,
    setting_display,
)

OUTPUTS = ({"activation": "none", "loss": "mse"}, {"activation": "sigmoid", "loss": "bce_with_logits"})


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (0.5, "0.5 s"), (59, "59 s"), (600, "10 min"), (7200, "2 h"), (1e6, "12 d")],
)
def test_duration_display(seconds: float, told: str) -> None:
    assert duration_display(seconds) == told


@pytest.mark.parametrize(
    ("path", "value", "label", "setting"),
    [
        ("output", OUTPUTS[1], "sigmoid, bce_with_logits", "activation sigmoid, loss bce_with_logits"),
        ("output", OUTPUTS[0], "no activation, mse", "activation none, loss mse"),
        ("model", {"name": "lstm"}, "lstm", "model lstm"),
        (
            "model",
            {"name": "cnn_lstm", "features": "spatial", "hidden_size": 32},
            "cnn_lstm, spatial, hidden_size=32",
            "model cnn_lstm, features spatial, hidden size 32",
        ),
        ("model", {"forget_bias": 1.0}, "forget_bias=1", "forget bias 1"),
        ("model", {"chrono": True}, "chrono=true", "chrono true"),
        ("model.name", "lstm", "lstm", "model lstm"),
        ("model.depth", 3, "3", "depth 3"),
        ("model.hidden_size", 100_000, "100000", "hidden size 100000"),
        ("train.optimizer", "adam", "adam", "adam"),
        ("train.clip_norm", None, "none", "clip norm none"),
        ("train.learning_rate", 1e-5, "1e-5", "learning rate 1e-5"),
        ("train.learning_rate", 3e-4, "0.0003", "learning rate 0.0003"),
        ("train.learning_rate", 0.000132194114846, "0.00013219", "learning rate 0.00013219"),
        ("task.path", "a=b", "a=b", "path a=b"),
    ],
)
def test_label_and_setting_display(path: str, value: Any, label: str, setting: str) -> None:
    for told in (value, label_text(value)):
        assert label_display(path, told) == label
        assert setting_display(path, told) == setting


def test_axis_display() -> None:
    assert axis_display("output", OUTPUTS) == "activation, loss"
    assert axis_display("task", [{"name": "parity"}, {"name": "adding"}]) == "task"
    assert axis_display("model", [{"initialization": "he"}, {"forget_bias": 1.0}]) == "initialization"
    assert axis_display("model", [{"forget_bias": 1.0}]) == "model"
    assert axis_display("train.learning_rate", [0.1]) == "learning rate"
    assert path_display("model.name") == "model"


def test_labels_are_distinct() -> None:
    assert axis_labels("train.learning_rate", [0.001, 0.0010000001]) == ("0.001", "0.0010000001")


def test_is_scale() -> None:
    assert is_scale([1, 2.5])
    assert not is_scale(["adam", "sgd"])
    assert not is_scale([False, True])
    assert not is_scale([None, 1.0])


def test_names() -> None:
    assert [name_display(name) for name in ("moving_mnist", "encoder_decoder", "cnn_lstm")] == [
        "moving MNIST", "encoder-decoder", "CNN LSTM",
    ]  # fmt: skip
    assert any_of(["LSTM", "GRU", "RNN"]) == "LSTM, GRU or RNN"
    assert any_of(["LSTM"]) == "LSTM"


def test_label_lines() -> None:
    assert label_lines("no activation, bce_with_logits", 28) == ["no activation,", "bce_with_logits"]
    assert label_lines("reconstruction_in_order", 15) == ["reconstruction_", "in_order"]
    assert label_lines("", 5) == [""]


@given(st.text("ab_ ", max_size=40), st.integers(1, 30))
def test_label_lines_keep_letters_and_width(label: str, width: int) -> None:
    lines = label_lines(label, width)
    assert "".join(lines).replace(" ", "") == label.replace(" ", "")
    assert all(len(line) <= width for line in lines)
