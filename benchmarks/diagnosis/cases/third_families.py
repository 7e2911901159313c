"""Families of the third set: tasks, networks and lengths, and settings with which they learn.

Most are forecasts and files of sequences; the others are pairs of task and network that neither half has.
"""

from benchmarks.diagnosis.cases.family import Family
from benchmarks.diagnosis.cases.third_files import THIRD_FILES

_SGD = {"optimizer": "sgd", "momentum": 0.9}
_RECTIFIED = {"name": "rnn", "nonlinearity": "relu", "initialization": "identity"}


TIDES = Family(
    "forecast of tides lstm 1x24 T=24+3",
    "third",
    task=THIRD_FILES.forecast("tides", 24, 3),
    model={"name": "lstm", "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 400},
    criterion={"score": 0.85},
)
SEASONS = Family(
    "forecast of seasons encoder-decoder gru 1x20 T=12+6",
    "third",
    task=THIRD_FILES.forecast("seasons", 12, 6),
    model={"name": "encoder_decoder", "recurrence": "gru", "hidden_size": 20, "decoder_input": "zero"},
    train={"learning_rate": 5e-3, "max_updates": 600},
    criterion={"score": 0.85},
)
SWINGS = Family(
    "forecast of swings gru 2x16 T=10+1",
    "third",
    task=THIRD_FILES.forecast("swings", 10, 1),
    model={"name": "gru", "depth": 2, "hidden_size": 16},
    train={"learning_rate": 5e-3, "max_updates": 400},
    criterion={"score": 0.85},
)
MAPS = Family(
    "forecast of a chaotic map rnn tanh 1x32 T=4+1",
    "third",
    task=THIRD_FILES.forecast("maps", 4, 1),
    model={"name": "rnn", "hidden_size": 32},
    train={"learning_rate": 5e-3, "max_updates": 600},
    criterion={"score": 0.8},
)
DELAYS = Family(
    "forecast of a delayed feedback rnn relu 1x24 T=20+5",
    "third",
    task=THIRD_FILES.forecast("delays", 20, 5),
    model={**_RECTIFIED, "hidden_size": 24},
    train={"learning_rate": 3e-3, "max_updates": 500},
    criterion={"score": 0.85},
)
CHIRPS = Family(
    "chirps from a file, gru 1x28 T=24",
    "third",
    task=THIRD_FILES.sequences("chirps"),
    model={"name": "gru", "hidden_size": 28},
    train={"learning_rate": 1e-2, "max_updates": 800},
    criterion={"score": 0.8},
)
DECAYS = Family(
    "decays from a file, lstm 2x20 T=25, weight decay",
    "third",
    task=THIRD_FILES.sequences("decays", "regression"),
    model={"name": "lstm", "depth": 2, "hidden_size": 20},
    train={"optimizer": "adamw", "weight_decay": 0.1, "learning_rate": 1e-2, "max_updates": 800},
    criterion={"score": 0.7},
)
LEVELS = Family(
    "weighted levels from a file, rnn tanh 1x16 T=12",
    "third",
    task=THIRD_FILES.sequences("levels", "regression"),
    model={"name": "rnn", "hidden_size": 16},
    train={"learning_rate": 5e-3, "max_updates": 500},
    criterion={"score": 0.8},
)
PULSES = Family(
    "pulses from a file, lstm 1x20 T=30, bidirectional",
    "third",
    task=THIRD_FILES.sequences("pulses", "regression"),
    model={"name": "lstm", "hidden_size": 20, "bidirectional": True},
    train={"learning_rate": 5e-3, "max_updates": 500},
    criterion={"score": 0.85},
)
FILTERED = Family(
    "leaky integral from a file, gru 1x24 T=36, every step",
    "third",
    task=THIRD_FILES.sequences("filtered", "regression", supervision="every_step"),
    model={"name": "gru", "hidden_size": 24},
    train={"learning_rate": 3e-3, "max_updates": 500},
    criterion={"score": 0.97},
)
LATCHES = Family(
    "latches from a file, rnn tanh 2x24 T=26, every step",
    "third",
    task=THIRD_FILES.sequences("latches", supervision="every_step"),
    model={"name": "rnn", "depth": 2, "hidden_size": 24},
    train={"learning_rate": 3e-3, "max_updates": 800},
    criterion={"score": 0.75},
)
MAJORITIES = Family(
    "majorities from a file, rnn relu 1x20 T=6 to 18",
    "third",
    task=THIRD_FILES.sequences("majorities"),
    model={**_RECTIFIED, "hidden_size": 20},
    train={**_SGD, "learning_rate": 2e-3, "max_updates": 600},
    criterion={"score": 0.93},
)
ALARMS = Family(
    "alarms from a file, lstm 1x32 T=16, layer norm",
    "third",
    task=THIRD_FILES.sequences("alarms"),
    model={"name": "lstm", "hidden_size": 32, "layer_norm": True},
    train={"learning_rate": 1e-2, "max_updates": 800},
    criterion={"score": 0.6},
)
ADDING = Family(
    "adding rnn tanh 1x40 T=7",
    "third",
    task={"name": "adding", "sequence_length": 7},
    model={"name": "rnn", "hidden_size": 40},
    train={"learning_rate": 5e-3, "max_updates": 2500},
    criterion={"score": 0.9},
)
ATTENTION = Family(
    "temporal order attention 2x24 T=14",
    "third",
    task={"name": "temporal_order", "sequence_length": 14},
    model={"name": "attention", "depth": 2, "hidden_size": 24},
    train={"learning_rate": 3e-3, "max_updates": 600},
)
COPYING = Family(
    "copy rnn relu 1x36 T=9, every step",
    "third",
    task={"name": "copy_memory", "sequence_length": 3, "num_symbols": 3, "num_copied": 3},
    model={**_RECTIFIED, "hidden_size": 36},
    train={"learning_rate": 3e-3, "max_updates": 1200},
)
PARITY = Family(
    "parity of numbers below 3 lstm 1x36 T=4, every step",
    "third",
    task={"name": "parity", "number_range": 3, "sequence_length": 4, "supervision": "every_step"},
    model={"name": "lstm", "hidden_size": 36},
    train={"learning_rate": 1e-2, "max_updates": 1200},
)
XOR = Family(
    "marked xor attention 1x32 T=4",
    "third",
    task={"name": "marked_xor", "sequence_length": 4},
    model={"name": "attention", "hidden_size": 32},
    train={"learning_rate": 3e-3, "max_updates": 1500},
)
RECALL = Family(
    "delayed recall lstm 2x24 T=24, highway",
    "third",
    task={"name": "delayed_recall", "num_symbols": 5, "sequence_length": 24},
    model={"name": "lstm", "depth": 2, "hidden_size": 24, "highway": True, "chrono": True},
    train={"learning_rate": 5e-3, "max_updates": 600},
)
DIGITS = Family(
    "mnist lstm 2x28 T=28, dropout",
    "third",
    task={"name": "mnist", "sequence_length": 28},
    model={"name": "lstm", "depth": 2, "hidden_size": 28, "dropout": 0.2},
    train={"learning_rate": 5e-3, "max_updates": 800},
)
SUMS = Family(
    "sum of numbers below 4 lstm 1x24 T=16, every step",
    "third",
    task={"name": "sum_regression", "number_range": 4, "sequence_length": 16, "supervision": "every_step"},
    model={"name": "lstm", "hidden_size": 24},
    train={"learning_rate": 1e-2, "max_updates": 800},
)
DEEP_TIDES = Family(
    "forecast of tides lstm 10x12 T=12+1",
    "third",
    task=THIRD_FILES.forecast("tides", 12, 1),
    model={"name": "lstm", "depth": 10, "hidden_size": 12, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 80},
    criterion={"score": 0.7},
)
DEEP_LEVELS = Family(
    "weighted levels from a file, lstm 9x12 T=12",
    "third",
    task=THIRD_FILES.sequences("levels", "regression"),
    model={"name": "lstm", "depth": 9, "hidden_size": 12, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 100},
    criterion={"score": 0.7},
)
LONG_RECALL = Family(
    "delayed recall of 4 symbols gru 2x20 T=55",
    "third",
    task={"name": "delayed_recall", "num_symbols": 4, "sequence_length": 55},
    model={"name": "gru", "depth": 2, "hidden_size": 20, "chrono": True},
    train={"learning_rate": 5e-3, "max_updates": 300},
)
ELMAN_RECALL = Family(
    "delayed recall of 5 symbols rnn tanh 2x24 T=35",
    "third",
    task={"name": "delayed_recall", "num_symbols": 5, "sequence_length": 35},
    model={"name": "rnn", "depth": 2, "hidden_size": 24, "initialization": "orthogonal"},
    train={"learning_rate": 2e-3, "max_updates": 240},
)


def scaled_levels(name: str, words: str) -> Family:
    """Return a family whose targets are far from the scale of a network's outputs, unless normalised."""
    return Family(
        f"weighted levels {words} from a file, gru 1x18 T=12",
        "third",
        task=THIRD_FILES.sequences(name, "regression"),
        model={"name": "gru", "hidden_size": 18},
        train={"learning_rate": 5e-3, "max_updates": 500},
        criterion={"score": 0.8},
    )


LARGE_LEVELS = scaled_levels("levels_500000", "near 500,000")
HIGH_LEVELS = scaled_levels("levels_plus_300", "near 300")
WIDE_LEVELS = scaled_levels("levels_x3000", "within 10,000")
SMALL_LEVELS = scaled_levels("levels_0.0001", "near 0.0002")
#: Sensors in units of their own, which normalising removes.
RAW_LATCHES = Family(
    "latches in raw units from a file, gru 1x24 T=26, every step",
    "third",
    task=THIRD_FILES.sequences("latches_raw", supervision="every_step"),
    model={"name": "gru", "hidden_size": 24},
    train={"learning_rate": 1e-2, "max_updates": 500},
    criterion={"score": 0.75},
)
