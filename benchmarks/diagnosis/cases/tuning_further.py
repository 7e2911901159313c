"""More cases of the tuning half, which were once unseen.

They have other tasks (sums, exclusive or, order, copying, moving digits with an encoder-decoder), networks
(mostly GRUs), widths, depths and lengths than those in `tuning`.
"""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.family import Family

_SGD = {"optimizer": "sgd", "momentum": 0.9}

SUM = Family(
    "sum gru 1x20 T=15",
    "tuning",
    task={"name": "sum_regression", "sequence_length": 15},
    model={"name": "gru", "hidden_size": 20},
    train={"learning_rate": 1e-2, "max_updates": 600},
)
BITS = Family(
    "sum of bits lstm 1x18 T=12, 600 sequences",
    "tuning",
    task={"name": "sum_regression", "number_range": 2, "sequence_length": 12, "train_size": 600},
    model={"name": "lstm", "hidden_size": 18},
    train={"learning_rate": 1e-2, "max_updates": 800},
)
RECTIFIED_SUM = Family(
    "sum rnn relu 1x16 T=8",
    "tuning",
    task={"name": "sum_regression", "sequence_length": 8},
    model={"name": "rnn", "nonlinearity": "relu", "initialization": "identity", "hidden_size": 16},
    train={**_SGD, "learning_rate": 0.003, "max_updates": 1000},
)
RECTIFIED_ORDER = Family(
    "temporal order rnn relu 1x16 T=16",
    "tuning",
    task={"name": "temporal_order", "sequence_length": 16},
    model={"name": "rnn", "nonlinearity": "relu", "initialization": "identity", "hidden_size": 16},
    train={**_SGD, "learning_rate": 0.03, "max_updates": 800},
)
RECTIFIED_XOR = Family(
    "marked xor rnn relu 1x24 T=12, every step",
    "tuning",
    task={"name": "marked_xor", "sequence_length": 12, "supervision": "every_step"},
    model={"name": "rnn", "nonlinearity": "relu", "initialization": "identity", "hidden_size": 24},
    train={**_SGD, "learning_rate": 0.03, "max_updates": 1000},
)
XOR = Family(
    "marked xor gru 1x32 T=5",
    "tuning",
    task={"name": "marked_xor", "sequence_length": 5},
    model={"name": "gru", "hidden_size": 32},
    train={"learning_rate": 1e-2, "max_updates": 1600},
)
STEPPED_XOR = Family(
    "marked xor lstm 1x28 T=12, every step",
    "tuning",
    task={"name": "marked_xor", "sequence_length": 12, "supervision": "every_step"},
    model={"name": "lstm", "hidden_size": 28},
    train={"learning_rate": 1e-2, "max_updates": 1000},
)
ORDER = Family(
    "temporal order gru 1x24 T=12",
    "tuning",
    task={"name": "temporal_order", "sequence_length": 12},
    model={"name": "gru", "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 600},
)
ELMAN_ORDER = Family(
    "temporal order rnn tanh 1x28 T=30",
    "tuning",
    task={"name": "temporal_order", "sequence_length": 30},
    model={"name": "rnn", "initialization": "orthogonal", "hidden_size": 28},
    train={"learning_rate": 3e-3, "max_updates": 600},
)
COPY = Family(
    "copy lstm 1x28 T=30, every step",
    "tuning",
    task={"name": "copy_memory", "sequence_length": 26, "num_symbols": 2, "num_copied": 2},
    model={"name": "lstm", "hidden_size": 28, "chrono": True},
    train={"learning_rate": 1e-2, "max_updates": 1000},
)
SHORT_COPY = Family(
    "copy gru 1x30 T=8, every step",
    "tuning",
    task={"name": "copy_memory", "sequence_length": 4, "num_symbols": 3, "num_copied": 2},
    model={"name": "gru", "hidden_size": 30},
    train={"learning_rate": 1e-2, "max_updates": 1000},
)
DEEP_ORDER = Family(
    "temporal order gru 7x12 T=8",
    "tuning",
    task={"name": "temporal_order", "sequence_length": 8},
    model={"name": "gru", "depth": 7, "hidden_size": 12, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 400},
)
DEEP_SUM = Family(
    "sum lstm 7x14 T=9",
    "tuning",
    task={"name": "sum_regression", "sequence_length": 9},
    model={"name": "lstm", "depth": 7, "hidden_size": 14, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 400},
)
FRAMES = Family(
    "moving mnist encoder-decoder gru 1x48, 3 frames of 9x9",
    "tuning",
    task={
        "name": "moving_mnist",
        "sequence_length": 3,
        "target": "reconstruction",
        "num_digits": 1,
        "frame_size": 9,
        "digit_size": 6,
    },
    model={"name": "encoder_decoder", "recurrence": "gru", "hidden_size": 48},
    train={"learning_rate": 1e-2, "max_updates": 900},
    criterion={"score": 0.4},
)

_SUM_CASES: list[Case] = [
    *SUM.plain(6),
    *SUM.healthy("slow", "rate / 4", range(4), {"train.learning_rate": 2.5e-3, "train.max_updates": 1500}),
    *SUM.healthy("noisy", "batch 6", range(4), {"train.batch_size": 6, "train.max_updates": 1200}),
    *SUM.planted("frozen", "layers_left_out", range(2)),
    *SUM.planted("disconnected", "readout_detached", range(3)),
    *SUM.planted("labels_or_loss_wrong", "labels_turned", range(2)),
    *SUM.planted("labels_or_loss_wrong", "loss_broadcast", range(2)),
    *SUM.planted("labels_or_loss_wrong", "loss_negated", range(2)),
    *SUM.planted("input_scale", "inputs_x1000", range(2)),
    *SUM.planted("input_scale", "inputs_plus_300", range(2)),
    *SUM.planted("leak", "mean_over_batch", range(2)),
    *SUM.configured("unreachable_output", "tanh", range(2), {"output.activation": "tanh"}),
    *SUM.planted("unreachable_output", "outputs_through_sigmoid", range(2)),
    *SUM.configured("oscillating", "rate x50", range(3), {"train.learning_rate": 0.5}),
    *SUM.configured("too_slow", "rate / 100", range(2), {"train.learning_rate": 1e-4}),
    *SUM.configured("too_slow", "updates / 5", range(2), {"train.max_updates": 120}),
    *SUM.configured("too_little_data", "8 sequences", range(3), {"task.train_size": 8}),
    *SUM.configured("overfit", "20 sequences", range(3), {"task.train_size": 20}),
    *SUM.configured(
        "saturated", "uniform 6", range(2), {"model.initialization": "uniform", "model.uniform_range": 6.0}
    ),
    *BITS.plain(5),
    *BITS.healthy("noisy", "batch 4", range(3), {"train.batch_size": 4, "train.max_updates": 1500}),
    *BITS.configured("frozen", "all layers", range(2), {"model.frozen_layers": 1}),
    *BITS.planted("input_scale", "inputs_plus_50", range(2)),
    *BITS.planted("saturated", "weights_x30", range(2)),
    *BITS.planted("labels_or_loss_wrong", "labels_shuffled", range(2)),
    *BITS.configured("too_slow", "rate / 1000", range(2), {"train.learning_rate": 1e-5}),
]
_RECTIFIED_CASES: list[Case] = [
    *RECTIFIED_SUM.plain(5),
    *RECTIFIED_SUM.configured("diverged", "rate x30000", (0, 1, 3, 4), {"train.learning_rate": 100.0}),
    *RECTIFIED_SUM.configured("diverged", "rate x300000", (0, 1, 3), {"train.learning_rate": 1000.0}),
    *RECTIFIED_ORDER.plain(5),
    *RECTIFIED_ORDER.healthy(
        "noisy", "batch 16", range(3), {"train.batch_size": 16, "train.max_updates": 1500}
    ),
    *RECTIFIED_ORDER.configured("exploding_gradient", "no clipping", range(4), {"train.clip_norm": None}),
    *RECTIFIED_ORDER.planted("exploding_gradient", "recurrent_weights_x2", range(2)),
    *RECTIFIED_ORDER.planted("dead_units", "biases_minus_3", range(2)),
    *RECTIFIED_ORDER.planted("dead_units", "biases_minus_10", range(2)),
    *RECTIFIED_ORDER.configured("oscillating", "rate x30", range(2), {"train.learning_rate": 1.0}),
    *RECTIFIED_XOR.plain(5),
    *RECTIFIED_XOR.planted("exploding_gradient", "recurrent_weights_x3", range(3)),
    *RECTIFIED_XOR.configured("exploding_gradient", "no clipping", range(2), {"train.clip_norm": None}),
    *RECTIFIED_XOR.planted("dead_units", "biases_minus_10", range(3)),
]
_XOR_CASES: list[Case] = [
    *XOR.plain(6, "plateau_then_jump"),
    *XOR.configured("no_signal", "20 bits", range(3), {"task.sequence_length": 20}),
    *STEPPED_XOR.plain(5),
    *STEPPED_XOR.healthy(
        "slow", "rate / 5", range(3), {"train.learning_rate": 2e-3, "train.max_updates": 2500}
    ),
    *STEPPED_XOR.configured("no_signal", "label last", range(3), {"task.supervision": "last"}),
    *STEPPED_XOR.planted("no_signal", "labels_random", range(2)),
    *STEPPED_XOR.planted("labels_or_loss_wrong", "optimizer_ascends", range(2)),
    *STEPPED_XOR.planted("leak", "recurrence_over_batch", range(2)),
    *STEPPED_XOR.planted("leak", "label_in_training_inputs", range(2)),
    *STEPPED_XOR.planted("saturated", "weights_x30", range(2)),
    *STEPPED_XOR.planted("unreachable_output", "outputs_through_sigmoid", range(2)),
    *STEPPED_XOR.configured("too_little_data", "10 sequences", range(2), {"task.train_size": 10}),
    *STEPPED_XOR.configured("overfit", "50 sequences", range(4), {"task.train_size": 50}),
    *STEPPED_XOR.configured("too_small", "1 unit", range(2), {"model.hidden_size": 1}),
    *STEPPED_XOR.configured("oscillating", "rate x50", range(2), {"train.learning_rate": 0.5}),
]
_ORDER_CASES: list[Case] = [
    *ORDER.plain(6),
    *ORDER.healthy("noisy", "batch 4", range(4), {"train.batch_size": 4, "train.max_updates": 1200}),
    *ORDER.healthy("slow", "rate / 5", range(4), {"train.learning_rate": 1e-3, "train.max_updates": 2000}),
    *ORDER.planted("partial_solution", "later_marks_lost", range(6)),
    *ORDER.planted("labels_or_loss_wrong", "classes_misnumbered", range(2)),
    *ORDER.planted("labels_or_loss_wrong", "labels_one_row_off", range(2)),
    *ORDER.planted("leak", "mean_over_batch", range(2)),
    *ORDER.planted("frozen", "layers_replaced_late", range(2)),
    *ORDER.configured("too_small", "1 unit", range(2), {"model.hidden_size": 1}),
    *ORDER.configured("too_little_data", "12 sequences", range(2), {"task.train_size": 12}),
    *ORDER.configured("overfit", "30 sequences", range(3), {"task.train_size": 30}),
    *ORDER.planted("input_scale", "inputs_x1000", range(2)),
    *ORDER.configured("too_slow", "rate / 500", range(2), {"train.learning_rate": 1e-5}),
    *ELMAN_ORDER.plain(5),
    *ELMAN_ORDER.configured(
        "vanishing_in_time", "torch's weights", range(4), {"model.initialization": "torch"}
    ),
    *ELMAN_ORDER.planted("saturated", "weights_x10", range(3)),
    *ELMAN_ORDER.planted("exploding_gradient", "recurrent_weights_x3", range(2)),
    *ELMAN_ORDER.planted("disconnected", "readout_detached", range(2)),
    *ELMAN_ORDER.configured("oscillating", "rate x100", range(3), {"train.learning_rate": 0.3}),
    *ELMAN_ORDER.planted("input_scale", "inputs_plus_50", range(2)),
]
_COPY_CASES: list[Case] = [
    *COPY.plain(5),
    *COPY.configured("vanishing_in_time", "torch's biases", range(4), {"model.chrono": False}),
    *COPY.configured(
        "vanishing_in_time", "forget bias -1", range(3), {"model.chrono": False, "model.forget_bias": -1.0}
    ),
    *SHORT_COPY.plain(6),
    *SHORT_COPY.planted("leak", "mean_over_time", range(2)),
    *SHORT_COPY.planted("labels_or_loss_wrong", "labels_shuffled", range(2)),
    *SHORT_COPY.planted("frozen", "layers_require_no_grad", range(2)),
    *SHORT_COPY.configured("too_small", "2 units", range(2), {"model.hidden_size": 2}),
    *SHORT_COPY.planted("disconnected", "readout_detached", range(2)),
    *SHORT_COPY.planted("no_signal", "labels_random", range(2)),
]
_DEEP_CASES: list[Case] = [
    *DEEP_ORDER.plain(4),
    *DEEP_ORDER.configured("vanishing_in_depth", "no residuals", range(4), {"model.residual": False}),
    *DEEP_SUM.plain(4),
    *DEEP_SUM.configured("vanishing_in_depth", "no residuals", range(4), {"model.residual": False}),
]
_FRAME_CASES: list[Case] = [
    *FRAMES.plain(5),
    *FRAMES.configured(
        "unreachable_output", "sigmoid before its loss", range(2), {"output.activation": "sigmoid"}
    ),
    *FRAMES.planted("unreachable_output", "outputs_through_relu", range(2)),
    *FRAMES.configured("too_small", "2 units", range(2), {"model.hidden_size": 2}),
    *FRAMES.planted("labels_or_loss_wrong", "labels_shuffled", range(2)),
    *FRAMES.configured("too_slow", "rate / 100", range(2), {"train.learning_rate": 1e-4}),
]

FURTHER_TUNING: list[Case] = [
    *_SUM_CASES,
    *_RECTIFIED_CASES,
    *_XOR_CASES,
    *_ORDER_CASES,
    *_COPY_CASES,
    *_DEEP_CASES,
    *_FRAME_CASES,
]
