"""The families of the unseen half: tasks, networks and lengths, and the recipes with which they learn.

Other forms of tasks than the tuning half has (whole numbers, a label at every step, three marks, arrays from
a file, frames to come), and no network on a task on which the tuning half has it.
"""

from benchmarks.diagnosis.cases.arrays import WAVE_FREQUENCIES, WAVES
from benchmarks.diagnosis.cases.family import Changes, Family

_SGD: Changes = {"train.optimizer": "sgd", "train.momentum": 0.9}
_RECTIFIED: Changes = {"model.name": "rnn", "model.nonlinearity": "relu", "model.initialization": "identity"}

ADDING = Family(
    "adding gru 1x40 T=14, every step",
    "unseen",
    {
        "task.name": "adding",
        "task.sequence_length": 14,
        "task.supervision": "every_step",
        "model.name": "gru",
        "model.hidden_size": 40,
        "train.learning_rate": 1e-2,
        "train.max_updates": 600,
    },
)
SUM = Family(
    "sum of numbers below 5 rnn tanh 1x24 T=10",
    "unseen",
    {
        "task.name": "sum_regression",
        "task.number_range": 5,
        "task.sequence_length": 10,
        "model.name": "rnn",
        "model.hidden_size": 24,
        "train.learning_rate": 5e-3,
        "train.max_updates": 1200,
    },
)
PARITY = Family(
    "parity gru 1x36 T=9, every step",
    "unseen",
    {
        "task.name": "parity",
        "task.sequence_length": 9,
        "task.supervision": "every_step",
        "model.name": "gru",
        "model.hidden_size": 36,
        "train.learning_rate": 1e-2,
        "train.max_updates": 1200,
    },
)
RECALL = Family(
    "delayed recall of 8 symbols gru 1x24 T=45",
    "unseen",
    {
        "task.name": "delayed_recall",
        "task.num_symbols": 8,
        "task.sequence_length": 45,
        "model.name": "gru",
        "model.chrono": True,
        "model.hidden_size": 24,
        "train.learning_rate": 1e-2,
        "train.max_updates": 400,
    },
)
RECTIFIED_RECALL = Family(
    "delayed recall of 6 symbols rnn relu 1x32 T=24",
    "unseen",
    {
        "task.name": "delayed_recall",
        "task.num_symbols": 6,
        "task.sequence_length": 24,
        **_RECTIFIED,
        "model.hidden_size": 32,
        **_SGD,
        "train.learning_rate": 0.01,
        "train.max_updates": 500,
    },
)
ROWS = Family(
    "mnist gru 1x40 T=28",
    "unseen",
    {
        "task.name": "mnist",
        "task.sequence_length": 28,
        "model.name": "gru",
        "model.hidden_size": 40,
        "train.optimizer": "adamw",
        "train.learning_rate": 5e-3,
        "train.batch_size": 64,
        "train.max_updates": 400,
    },
)
PERMUTED = Family(
    "mnist permuted rnn tanh 1x64 T=7",
    "unseen",
    {
        "task.name": "mnist",
        "task.permuted": True,
        "task.sequence_length": 7,
        "model.name": "rnn",
        "model.hidden_size": 64,
        "train.optimizer": "rmsprop",
        "train.learning_rate": 1e-3,
        "train.max_updates": 300,
    },
)
ORDER = Family(
    "temporal order of 3 marks lstm 1x32 T=15",
    "unseen",
    {
        "task.name": "temporal_order",
        "task.num_marks": 3,
        "task.sequence_length": 15,
        "model.name": "lstm",
        "model.hidden_size": 32,
        "train.learning_rate": 1e-2,
        "train.max_updates": 600,
    },
)
XOR = Family(
    "marked xor rnn tanh 1x32 T=3",
    "unseen",
    {
        "task.name": "marked_xor",
        "task.sequence_length": 3,
        "model.name": "rnn",
        "model.hidden_size": 32,
        "train.learning_rate": 5e-3,
        "train.max_updates": 1500,
    },
)
THREE_BITS = Family(
    "parity gru 1x28 T=3",
    "unseen",
    {
        "task.name": "parity",
        "task.sequence_length": 3,
        "model.name": "gru",
        "model.hidden_size": 28,
        "train.learning_rate": 1e-2,
        "train.max_updates": 1600,
    },
)
COPY = Family(
    "copy rnn tanh 1x48 T=30, every step",
    "unseen",
    {
        "task.name": "copy_memory",
        "task.sequence_length": 26,
        "task.num_symbols": 2,
        "task.num_copied": 2,
        "model.name": "rnn",
        "model.initialization": "orthogonal",
        "model.hidden_size": 48,
        "train.learning_rate": 3e-3,
        "train.max_updates": 800,
    },
)
WAVE_FORMS = Family(
    "forms of waves from a file, lstm bidirectional 1x16 T=20",
    "unseen",
    {
        "task.name": "array_file",
        "task.path": str(WAVES),
        "model.name": "lstm",
        "model.bidirectional": True,
        "model.hidden_size": 16,
        "train.learning_rate": 1e-2,
        "train.max_updates": 500,
    },
)
FREQUENCIES = Family(
    "frequencies of waves from a file, gru 3x16 T=20, layer norm",
    "unseen",
    {
        "task.name": "array_file",
        "task.path": str(WAVE_FREQUENCIES),
        "task.target": "regression",
        "model.name": "gru",
        "model.depth": 3,
        "model.hidden_size": 16,
        "model.layer_norm": True,
        **_SGD,
        "train.learning_rate": 0.03,
        "train.batch_size": 24,
        "train.max_updates": 300,
    },
)
RECTIFIED_WAVES = Family(
    "frequencies of waves from a file, rnn relu 1x28 T=20",
    "unseen",
    {
        "task.name": "array_file",
        "task.path": str(WAVE_FREQUENCIES),
        "task.target": "regression",
        **_RECTIFIED,
        "model.hidden_size": 28,
        **_SGD,
        "train.learning_rate": 0.01,
        "train.max_updates": 600,
    },
)
DEEP_ORDER = Family(
    "temporal order of 3 marks lstm 8x16 T=6",
    "unseen",
    {
        "task.name": "temporal_order",
        "task.num_marks": 3,
        "task.sequence_length": 6,
        "model.name": "lstm",
        "model.depth": 8,
        "model.hidden_size": 16,
        "model.residual": True,
        "train.learning_rate": 5e-3,
        "train.max_updates": 300,
    },
)
DEEP_RECALL = Family(
    "delayed recall of 5 symbols gru 8x10 T=7",
    "unseen",
    {
        "task.name": "delayed_recall",
        "task.num_symbols": 5,
        "task.sequence_length": 7,
        "model.name": "gru",
        "model.depth": 8,
        "model.hidden_size": 10,
        "model.residual": True,
        "train.learning_rate": 5e-3,
        "train.max_updates": 300,
    },
)
FRAMES = Family(
    "moving mnist cnn lstm 1x48, 3 frames of 8x8 and one to come",
    "unseen",
    {
        "task.name": "moving_mnist",
        "task.sequence_length": 3,
        "task.target": "prediction",
        "task.prediction_length": 1,
        "task.num_digits": 1,
        "task.frame_size": 8,
        "task.digit_size": 5,
        "model.name": "cnn_lstm",
        "model.channels": 8,
        "model.hidden_size": 48,
        "train.learning_rate": 1e-2,
        "train.max_updates": 800,
        "criterion.score": 0.25,
    },
)
CONVOLUTION = Family(
    "sum of numbers below 9 convolution 3x24 T=12",
    "unseen",
    {
        "task.name": "sum_regression",
        "task.number_range": 9,
        "task.sequence_length": 12,
        "model.name": "convolution",
        "model.depth": 3,
        "model.hidden_size": 24,
        "train.learning_rate": 5e-3,
        "train.max_updates": 500,
    },
)
PERCEPTRON = Family(
    "adding mlp 2x64 T=6",
    "unseen",
    {
        "task.name": "adding",
        "task.sequence_length": 6,
        "model.name": "mlp",
        "model.depth": 2,
        "model.hidden_size": 64,
        "train.learning_rate": 3e-3,
        "train.max_updates": 700,
    },
)
