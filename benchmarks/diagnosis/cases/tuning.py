"""Cases of the tuning half: adding, parity, recall, digits."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.family import Family

_SGD = {"optimizer": "sgd", "momentum": 0.9}

ADDING = Family(
    "adding lstm 1x24 T=10",
    "tuning",
    task={"name": "adding", "sequence_length": 10},
    model={"name": "lstm", "hidden_size": 24},
    train={"learning_rate": 1e-2, "max_updates": 800},
)
RECTIFIED = Family(
    "adding rnn relu 1x24 T=12",
    "tuning",
    task={"name": "adding", "sequence_length": 12},
    model={"name": "rnn", "nonlinearity": "relu", "initialization": "identity", "hidden_size": 24},
    train={**_SGD, "learning_rate": 0.03, "max_updates": 1000},
)
STEPPED = Family(
    "parity lstm 2x20 T=10, every step",
    "tuning",
    task={"name": "parity", "sequence_length": 10, "supervision": "every_step"},
    model={"name": "lstm", "depth": 2, "hidden_size": 20},
    train={"learning_rate": 1e-2, "max_updates": 800},
)
ELMAN = Family(
    "parity rnn tanh 1x24 T=10, every step",
    "tuning",
    task={"name": "parity", "sequence_length": 10, "supervision": "every_step"},
    model={"name": "rnn", "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 1200},
)
THREE_BITS = Family(
    "parity lstm 1x32 T=3",
    "tuning",
    task={"name": "parity", "sequence_length": 3},
    model={"name": "lstm", "hidden_size": 32},
    train={"learning_rate": 1e-2, "max_updates": 1600},
)
RECALL = Family(
    "delayed recall lstm 1x16 T=40",
    "tuning",
    task={"name": "delayed_recall", "sequence_length": 40},
    model={"name": "lstm", "hidden_size": 16, "chrono": True},
    train={"learning_rate": 1e-2, "max_updates": 400},
)
ELMAN_RECALL = Family(
    "delayed recall rnn tanh 1x20 T=50",
    "tuning",
    task={"name": "delayed_recall", "sequence_length": 50, "num_symbols": 3},
    model={"name": "rnn", "hidden_size": 20, "initialization": "orthogonal"},
    train={"learning_rate": 3e-3, "max_updates": 600},
)
DIGITS = Family(
    "mnist lstm 1x32 T=14",
    "tuning",
    task={"name": "mnist", "sequence_length": 14},
    model={"name": "lstm", "hidden_size": 32},
    train={"learning_rate": 5e-3, "max_updates": 600},
)
RECTIFIED_DIGITS = Family(
    "mnist rnn relu 2x24 T=14",
    "tuning",
    task={"name": "mnist", "sequence_length": 14},
    model={"name": "rnn", "nonlinearity": "relu", "depth": 2, "hidden_size": 24},
    train={"learning_rate": 3e-3, "max_updates": 800},
)
DEEP = Family(
    "adding lstm 8x12 T=8",
    "tuning",
    task={"name": "adding", "sequence_length": 8},
    model={"name": "lstm", "depth": 8, "hidden_size": 12, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 600},
)
DEEP_RECALL = Family(
    "delayed recall lstm 8x16 T=8",
    "tuning",
    task={"name": "delayed_recall", "sequence_length": 8, "num_symbols": 4},
    model={"name": "lstm", "depth": 8, "hidden_size": 16, "residual": True},
    train={"learning_rate": 3e-3, "max_updates": 400},
)
FRAMES = Family(
    "moving mnist lstm 1x48, 2 frames of 8x8",
    "tuning",
    task={
        "name": "moving_mnist",
        "sequence_length": 2,
        "target": "reconstruction",
        "num_digits": 1,
        "frame_size": 8,
        "digit_size": 5,
    },
    model={"name": "lstm", "hidden_size": 48},
    train={"learning_rate": 1e-2, "max_updates": 500},
)

_ADDING_CASES: list[Case] = [
    *ADDING.plain(6),
    *ADDING.healthy("slow", "rate / 4", range(4), {"train.learning_rate": 2.5e-3, "train.max_updates": 2000}),
    *ADDING.healthy("noisy", "batch 8", range(4), {"train.batch_size": 8, "train.max_updates": 1200}),
    *ADDING.configured("frozen", "all layers", range(2), {"model.frozen_layers": 1}),
    *ADDING.planted("frozen", "layers_left_out", range(2)),
    *ADDING.planted("frozen", "layers_replaced_late", range(2)),
    *ADDING.planted("disconnected", "readout_detached", range(3)),
    *ADDING.planted("labels_or_loss_wrong", "labels_shuffled", range(2)),
    *ADDING.planted("labels_or_loss_wrong", "labels_turned", range(2)),
    *ADDING.planted("labels_or_loss_wrong", "optimizer_ascends", range(2)),
    *ADDING.planted("labels_or_loss_wrong", "loss_broadcast", range(2)),
    *ADDING.planted("no_signal", "labels_random", range(2)),
    *ADDING.planted("input_scale", "inputs_x1000", range(2)),
    *ADDING.planted("input_scale", "inputs_plus_50", range(2)),
    *ADDING.planted("input_scale", "one_input_x1000", range(2)),
    *ADDING.planted("leak", "label_in_training_inputs", range(2)),
    *ADDING.planted("leak", "recurrence_over_batch", range(2)),
    *ADDING.planted("partial_solution", "later_marks_lost", range(4)),
    *ADDING.configured("unreachable_output", "sigmoid", range(2), {"output.activation": "sigmoid"}),
    *ADDING.planted("unreachable_output", "outputs_through_sigmoid", range(2)),
    *ADDING.configured("oscillating", "rate x30", range(3), {"train.learning_rate": 0.3}),
    *ADDING.configured("oscillating", "rate x100", range(2), {"train.learning_rate": 1.0}),
    *ADDING.configured("too_slow", "rate / 100", range(2), {"train.learning_rate": 1e-4}),
    *ADDING.configured("too_slow", "rate / 1000", range(2), {"train.learning_rate": 1e-5}),
    *ADDING.configured("too_slow", "updates / 4", range(2), {"train.max_updates": 200}),
    *ADDING.configured("too_little_data", "16 sequences", range(2), {"task.train_size": 16}),
    *ADDING.configured("overfit", "24 sequences", range(5), {"task.train_size": 24}),
    *ADDING.planted("saturated", "weights_x30", range(2)),
    *ADDING.planted("saturated", "gates_shut_by_10", range(2)),
    *ADDING.configured(
        "saturated", "uniform 8", range(2), {"model.initialization": "uniform", "model.uniform_range": 8.0}
    ),
]
_RECTIFIED_CASES: list[Case] = [
    *RECTIFIED.plain(5),
    *RECTIFIED.healthy("noisy", "batch 16", range(4), {"train.batch_size": 16, "train.max_updates": 2000}),
    *RECTIFIED.healthy(
        "slow", "rate / 3", range(3), {"train.learning_rate": 0.01, "train.max_updates": 2500}
    ),
    *RECTIFIED.configured("exploding_gradient", "no clipping", range(4), {"train.clip_norm": None}),
    *RECTIFIED.planted("exploding_gradient", "recurrent_weights_x2", range(3)),
    *RECTIFIED.planted("exploding_gradient", "recurrent_weights_x3", range(3)),
    *RECTIFIED.planted("input_scale", "inputs_x100", range(2)),
    *RECTIFIED.planted("input_scale", "inputs_plus_50", range(2)),
    *RECTIFIED.configured("diverged", "rate x3000", range(3), {"train.learning_rate": 100.0}),
    *RECTIFIED.planted("disconnected", "readout_detached", range(2)),
    *RECTIFIED.planted("dead_units", "biases_minus_3", range(2)),
    *RECTIFIED.planted("dead_units", "biases_minus_10", range(2)),
    *RECTIFIED.configured("too_slow", "rate / 100", range(2), {"train.learning_rate": 3e-4}),
    *RECTIFIED.configured("oscillating", "rate x10", range(2), {"train.learning_rate": 0.3}),
    *RECTIFIED.planted("partial_solution", "later_marks_lost", range(2)),
]
_PARITY_CASES: list[Case] = [
    *STEPPED.plain(5),
    *STEPPED.healthy("noisy", "batch 4", range(3), {"train.batch_size": 4, "train.max_updates": 1200}),
    *STEPPED.healthy("slow", "rate / 5", range(3), {"train.learning_rate": 2e-3, "train.max_updates": 2000}),
    *STEPPED.configured("no_signal", "label last", range(3), {"task.supervision": "last"}),
    *STEPPED.planted("labels_or_loss_wrong", "labels_one_row_off", range(2)),
    *STEPPED.planted("labels_or_loss_wrong", "loss_negated", range(2)),
    *STEPPED.planted("leak", "label_in_training_inputs", range(2)),
    *STEPPED.planted("leak", "mean_over_time", range(2)),
    *STEPPED.planted("leak", "read_in_reverse", range(2)),
    *STEPPED.planted("unreachable_output", "outputs_through_sigmoid", range(2)),
    *STEPPED.configured("frozen", "both layers", range(2), {"model.frozen_layers": 2}),
    *STEPPED.planted("disconnected", "readout_detached", range(2)),
    *STEPPED.configured("too_little_data", "5 sequences", range(2), {"task.train_size": 5}),
    *STEPPED.configured("too_slow", "rate / 1000", range(2), {"train.learning_rate": 1e-5}),
    *ELMAN.plain(5),
    *ELMAN.planted("saturated", "weights_x30", range(3)),
    *ELMAN.planted("saturated", "weights_x10", range(2)),
    *ELMAN.configured(
        "saturated", "uniform 4", range(2), {"model.initialization": "uniform", "model.uniform_range": 4.0}
    ),
    *ELMAN.configured("oscillating", "rate x60", range(3), {"train.learning_rate": 0.3}),
    *ELMAN.configured("no_signal", "label last", range(2), {"task.supervision": "last"}),
    *ELMAN.configured("too_small", "2 units", range(4), {"model.hidden_size": 2}),
    *ELMAN.planted("input_scale", "inputs_plus_50", range(2)),
    *THREE_BITS.plain(6, "plateau_then_jump"),
    *THREE_BITS.configured("no_signal", "8 bits", range(3), {"task.sequence_length": 8}),
]
_RECALL_CASES: list[Case] = [
    *RECALL.plain(5),
    *RECALL.configured("vanishing_in_time", "torch's biases", range(4), {"model.chrono": False}),
    *RECALL.configured(
        "vanishing_in_time", "forget bias -1", range(3), {"model.chrono": False, "model.forget_bias": -1.0}
    ),
    *RECALL.planted("no_signal", "labels_random", range(2)),
    *RECALL.planted("leak", "mean_over_batch", range(2)),
    *RECALL.planted("labels_or_loss_wrong", "classes_misnumbered", range(2)),
    *RECALL.planted("input_scale", "inputs_plus_300", range(2)),
    *ELMAN_RECALL.plain(5),
    *ELMAN_RECALL.configured(
        "vanishing_in_time", "torch's weights", range(3), {"model.initialization": "torch"}
    ),
    *ELMAN_RECALL.planted("vanishing_in_time", "recurrent_weights_x0.03", range(2)),
]
_DIGIT_CASES: list[Case] = [
    *DIGITS.plain(6),
    *DIGITS.healthy("noisy", "batch 4", range(4), {"train.batch_size": 4, "train.max_updates": 1500}),
    *DIGITS.healthy("slow", "rate / 5", range(4), {"train.learning_rate": 1e-3, "train.max_updates": 2000}),
    *DIGITS.configured("overfit", "100 digits", range(3), {"task.train_size": 100}),
    *DIGITS.configured("too_little_data", "10 digits", range(3), {"task.train_size": 10}),
    *DIGITS.configured("too_small", "2 units", range(2), {"model.hidden_size": 2}),
    *DIGITS.configured("too_small", "4 units", range(2), {"model.hidden_size": 4}),
    *DIGITS.planted("labels_or_loss_wrong", "labels_shuffled", range(2)),
    *DIGITS.planted("labels_or_loss_wrong", "classes_misnumbered", range(2)),
    *DIGITS.planted("leak", "recurrence_over_batch", range(2)),
    *DIGITS.planted("input_scale", "inputs_x1000", range(2)),
    *DIGITS.configured("frozen", "all layers", range(2), {"model.frozen_layers": 1}),
    *DIGITS.configured("oscillating", "rate x100", range(2), {"train.learning_rate": 0.5}),
    *DIGITS.configured("too_slow", "rate / 500", range(2), {"train.learning_rate": 1e-5}),
    *RECTIFIED_DIGITS.plain(4),
    *RECTIFIED_DIGITS.planted("dead_units", "biases_minus_3", range(2)),
    *RECTIFIED_DIGITS.planted("dead_units", "biases_minus_10", range(2)),
    *RECTIFIED_DIGITS.configured("diverged", "rate x30000", range(3), {"train.learning_rate": 100.0}),
    *RECTIFIED_DIGITS.planted("frozen", "layers_require_no_grad", range(2)),
    *RECTIFIED_DIGITS.planted("disconnected", "readout_detached", range(2)),
    *RECTIFIED_DIGITS.configured("overfit", "80 digits", range(2), {"task.train_size": 80}),
    *RECTIFIED_DIGITS.configured("too_small", "3 units", range(2), {"model.hidden_size": 3}),
]
_DEEP_CASES: list[Case] = [
    *DEEP.plain(4),
    *DEEP.configured("vanishing_in_depth", "no residuals", range(4), {"model.residual": False}),
    *DEEP_RECALL.plain(4),
    *DEEP_RECALL.configured(
        "vanishing_in_depth",
        "no residuals",
        range(3),
        {"model.residual": False},
    ),
]
_FRAME_CASES: list[Case] = [
    *FRAMES.plain(5),
    *FRAMES.configured(
        "unreachable_output", "sigmoid before its loss", range(2), {"output.activation": "sigmoid"}
    ),
    *FRAMES.planted("unreachable_output", "outputs_through_softmax", range(2)),
    *FRAMES.configured("too_small", "2 units", range(2), {"model.hidden_size": 2}),
    *FRAMES.planted("disconnected", "readout_detached", range(2)),
    *FRAMES.planted("labels_or_loss_wrong", "labels_shuffled", range(2)),
    *FRAMES.configured("too_slow", "rate / 100", range(2), {"train.learning_rate": 1e-4}),
]

TUNING: list[Case] = [
    *_ADDING_CASES,
    *_RECTIFIED_CASES,
    *_PARITY_CASES,
    *_RECALL_CASES,
    *_DIGIT_CASES,
    *_DEEP_CASES,
    *_FRAME_CASES,
]
