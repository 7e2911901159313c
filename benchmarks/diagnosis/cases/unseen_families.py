"""Families of the unseen half: tasks, networks and lengths, and settings with which they learn.

They have other variants of tasks than the tuning half (integers, a label at every step, three marks, arrays
from a file, predicted frames), and share no pair of task and network with it.
"""

from benchmarks.diagnosis.cases.arrays import WAVE_FREQUENCIES, WAVES
from benchmarks.diagnosis.cases.family import Family

_SGD = {"optimizer": "sgd", "momentum": 0.9}
_RECTIFIED = {"name": "rnn", "nonlinearity": "relu", "initialization": "identity"}

ADDING = Family(
    "adding gru 1x40 T=14, every step",
    "unseen",
    task={"name": "adding", "sequence_length": 14, "supervision": "every_step"},
    model={"name": "gru", "hidden_size": 40},
    train={"learning_rate": 1e-2, "max_updates": 600},
)
SUM = Family(
    "sum of numbers below 5 rnn tanh 1x24 T=10",
    "unseen",
    task={"name": "sum_regression", "number_range": 5, "sequence_length": 10},
    model={"name": "rnn", "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 1200},
)
PARITY = Family(
    "parity gru 1x36 T=9, every step",
    "unseen",
    task={"name": "parity", "sequence_length": 9, "supervision": "every_step"},
    model={"name": "gru", "hidden_size": 36},
    train={"learning_rate": 1e-2, "max_updates": 1200},
)
RECALL = Family(
    "delayed recall of 8 symbols gru 1x24 T=45",
    "unseen",
    task={"name": "delayed_recall", "num_symbols": 8, "sequence_length": 45},
    model={"name": "gru", "chrono": True, "hidden_size": 24},
    train={"learning_rate": 1e-2, "max_updates": 400},
)
RECTIFIED_RECALL = Family(
    "delayed recall of 6 symbols rnn relu 1x32 T=24",
    "unseen",
    task={"name": "delayed_recall", "num_symbols": 6, "sequence_length": 24},
    model={**_RECTIFIED, "hidden_size": 32},
    train={**_SGD, "learning_rate": 0.01, "max_updates": 500},
)
ROWS = Family(
    "mnist gru 1x40 T=28",
    "unseen",
    task={"name": "mnist", "sequence_length": 28},
    model={"name": "gru", "hidden_size": 40},
    train={"optimizer": "adamw", "learning_rate": 5e-3, "batch_size": 64, "max_updates": 400},
)
PERMUTED = Family(
    "mnist permuted rnn tanh 1x64 T=7",
    "unseen",
    task={"name": "mnist", "permuted": True, "sequence_length": 7},
    model={"name": "rnn", "hidden_size": 64},
    train={"optimizer": "rmsprop", "learning_rate": 1e-3, "max_updates": 300},
)
ORDER = Family(
    "temporal order of 3 marks lstm 1x32 T=15",
    "unseen",
    task={"name": "temporal_order", "num_marks": 3, "sequence_length": 15},
    model={"name": "lstm", "hidden_size": 32},
    train={"learning_rate": 1e-2, "max_updates": 600},
)
XOR = Family(
    "marked xor rnn tanh 1x32 T=3",
    "unseen",
    task={"name": "marked_xor", "sequence_length": 3},
    model={"name": "rnn", "hidden_size": 32},
    train={"learning_rate": 5e-3, "max_updates": 1500},
)
THREE_BITS = Family(
    "parity gru 1x28 T=3",
    "unseen",
    task={"name": "parity", "sequence_length": 3},
    model={"name": "gru", "hidden_size": 28},
    train={"learning_rate": 1e-2, "max_updates": 1600},
)
COPY = Family(
    "copy rnn tanh 1x48 T=30, every step",
    "unseen",
    task={"name": "copy_memory", "sequence_length": 26, "num_symbols": 2, "num_copied": 2},
    model={"name": "rnn", "initialization": "orthogonal", "hidden_size": 48},
    train={"learning_rate": 3e-3, "max_updates": 800},
)
WAVE_FORMS = Family(
    "forms of waves from a file, lstm bidirectional 1x16 T=20",
    "unseen",
    task={"name": "array_file", "path": str(WAVES)},
    model={"name": "lstm", "bidirectional": True, "hidden_size": 16},
    train={"learning_rate": 1e-2, "max_updates": 500},
)
FREQUENCIES = Family(
    "frequencies of waves from a file, gru 3x16 T=20, layer norm",
    "unseen",
    task={"name": "array_file", "path": str(WAVE_FREQUENCIES), "target": "regression"},
    model={"name": "gru", "depth": 3, "hidden_size": 16, "layer_norm": True},
    train={**_SGD, "learning_rate": 0.03, "batch_size": 24, "max_updates": 300},
)
RECTIFIED_WAVES = Family(
    "frequencies of waves from a file, rnn relu 1x28 T=20",
    "unseen",
    task={"name": "array_file", "path": str(WAVE_FREQUENCIES), "target": "regression"},
    model={**_RECTIFIED, "hidden_size": 28},
    train={**_SGD, "learning_rate": 0.01, "max_updates": 600},
)
DEEP_ORDER = Family(
    "temporal order of 3 marks lstm 8x16 T=6",
    "unseen",
    task={"name": "temporal_order", "num_marks": 3, "sequence_length": 6},
    model={"name": "lstm", "depth": 8, "hidden_size": 16, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 300},
)
DEEP_RECALL = Family(
    "delayed recall of 5 symbols gru 8x10 T=7",
    "unseen",
    task={"name": "delayed_recall", "num_symbols": 5, "sequence_length": 7},
    model={"name": "gru", "depth": 8, "hidden_size": 10, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 300},
)
FRAMES = Family(
    "moving mnist cnn lstm 1x48, 3 frames of 8x8 and one to come",
    "unseen",
    task={
        "name": "moving_mnist",
        "sequence_length": 3,
        "target": "prediction",
        "prediction_length": 1,
        "num_digits": 1,
        "frame_size": 8,
        "digit_size": 5,
    },
    model={"name": "cnn_lstm", "channels": 8, "hidden_size": 48},
    train={"learning_rate": 1e-2, "max_updates": 800},
    criterion={"score": 0.25},
)
CONVOLUTION = Family(
    "sum of numbers below 9 convolution 3x24 T=12",
    "unseen",
    task={"name": "sum_regression", "number_range": 9, "sequence_length": 12},
    model={"name": "convolution", "depth": 3, "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 500},
)
PERCEPTRON = Family(
    "adding mlp 2x64 T=6",
    "unseen",
    task={"name": "adding", "sequence_length": 6},
    model={"name": "mlp", "depth": 2, "hidden_size": 64},
    train={"learning_rate": 3e-3, "max_updates": 700},
)
