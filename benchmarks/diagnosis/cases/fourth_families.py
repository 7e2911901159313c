"""Families of the fourth set: tasks, networks and lengths, and settings with which they learn.

No series, file, or pair of task, network and length is of another set.
"""

from benchmarks.diagnosis.cases.family import Family
from benchmarks.diagnosis.cases.fourth_files import FOURTH_FILES

_SGD = {"optimizer": "sgd", "momentum": 0.9}
_RECTIFIED = {"name": "rnn", "nonlinearity": "relu", "initialization": "identity"}

HARES = Family(
    "forecast of prey and predators gru 1x24 T=10+2",
    "fourth",
    task=FOURTH_FILES.forecast("hares", 10, 2),
    model={"name": "gru", "hidden_size": 24},
    train={"learning_rate": 3e-3, "max_updates": 200},
    criterion={"score": 0.93},
)
RELAXATIONS = Family(
    "forecast of relaxations rnn tanh 1x28 T=14+2",
    "fourth",
    task=FOURTH_FILES.forecast("relaxations", 14, 2),
    model={"name": "rnn", "hidden_size": 28},
    train={"learning_rate": 4e-3, "max_updates": 250},
    criterion={"score": 0.93},
)
ORBITS = Family(
    "forecast of orbits gru 1x32 T=5+1",
    "fourth",
    task=FOURTH_FILES.forecast("orbits", 5, 1),
    model={"name": "gru", "hidden_size": 32},
    train={"learning_rate": 1e-2, "max_updates": 250},
    criterion={"score": 0.93},
)
BEATS = Family(
    "forecast of beats lstm 2x20 T=20+4",
    "fourth",
    task=FOURTH_FILES.forecast("beats", 20, 4),
    model={"name": "lstm", "depth": 2, "hidden_size": 20},
    train={"learning_rate": 1e-2, "max_updates": 400},
    criterion={"score": 0.65},
)
ENVELOPES = Family(
    "forecast of envelopes rnn relu 1x20 T=16+2",
    "fourth",
    task=FOURTH_FILES.forecast("envelopes", 16, 2),
    model={**_RECTIFIED, "hidden_size": 20},
    train={"learning_rate": 3e-3, "max_updates": 200},
    criterion={"score": 0.88},
)
WEEKS = Family(
    "forecast of weeks encoder-decoder lstm 1x24 T=14+7",
    "fourth",
    task=FOURTH_FILES.forecast("weeks", 14, 7),
    model={"name": "encoder_decoder", "recurrence": "lstm", "hidden_size": 24, "decoder_input": "zero"},
    train={"learning_rate": 1e-2, "max_updates": 240},
    criterion={"score": 0.9},
)
CONVECTIONS = Family(
    "forecast of convections lstm 1x20 T=8+2",
    "fourth",
    task=FOURTH_FILES.forecast("convections", 8, 2),
    model={"name": "lstm", "hidden_size": 20},
    train={"optimizer": "rmsprop", "learning_rate": 3e-3, "max_updates": 300},
    criterion={"score": 0.93},
)
ECHOES = Family(
    "echoes from a file, lstm 1x24 T=22",
    "fourth",
    task=FOURTH_FILES.sequences("echoes"),
    model={"name": "lstm", "hidden_size": 24},
    train={"learning_rate": 1e-2, "max_updates": 320},
    criterion={"score": 0.8},
)
TEXTURES = Family(
    "textures from a file, gru 1x20 T=28",
    "fourth",
    task=FOURTH_FILES.sequences("textures"),
    model={"name": "gru", "hidden_size": 20},
    train={"learning_rate": 1e-2, "max_updates": 400},
    criterion={"score": 0.75},
)
SLOPES = Family(
    "slopes from a file, lstm 1x16 T=15",
    "fourth",
    task=FOURTH_FILES.sequences("slopes", "regression"),
    model={"name": "lstm", "hidden_size": 16},
    train={"learning_rate": 5e-3, "max_updates": 280},
    criterion={"score": 0.93},
)
PRODUCTS = Family(
    "products from a file, gru 1x32 T=6",
    "fourth",
    task=FOURTH_FILES.sequences("products", "regression"),
    model={"name": "gru", "hidden_size": 32},
    train={"learning_rate": 1e-2, "max_updates": 320},
    criterion={"score": 0.93},
)
MOTIFS = Family(
    "motifs from a file, gru 2x20 T=20, dropout",
    "fourth",
    task=FOURTH_FILES.sequences("motifs"),
    model={"name": "gru", "depth": 2, "hidden_size": 20, "dropout": 0.1},
    train={"learning_rate": 5e-3, "max_updates": 320},
    criterion={"score": 0.85},
)
DIALS = Family(
    "dials from a file, rnn tanh 1x28 T=15, every step",
    "fourth",
    task=FOURTH_FILES.sequences("dials", supervision="every_step"),
    model={"name": "rnn", "hidden_size": 28},
    train={"learning_rate": 5e-3, "max_updates": 480},
    criterion={"score": 0.85},
)
WAITS = Family(
    "waits from a file, rnn relu 1x24 T=18, every step",
    "fourth",
    task=FOURTH_FILES.sequences("waits", "regression", supervision="every_step"),
    model={**_RECTIFIED, "hidden_size": 24},
    train={**_SGD, "learning_rate": 1e-2, "max_updates": 360},
    criterion={"score": 0.9},
)
MAXIMA = Family(
    "maxima from a file, lstm 1x20 T=14, every step",
    "fourth",
    task=FOURTH_FILES.sequences("maxima", "regression", supervision="every_step"),
    model={"name": "lstm", "hidden_size": 20},
    train={"optimizer": "adamw", "learning_rate": 1e-2, "max_updates": 320},
    criterion={"score": 0.95},
)
BRACKETS = Family(
    "brackets from a file, rnn tanh 1x24 T=6 to 16",
    "fourth",
    task=FOURTH_FILES.sequences("brackets", "regression"),
    model={"name": "rnn", "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 240},
    criterion={"score": 0.92},
)
FIRSTS = Family(
    "firsts from a file, gru 1x24 T=18, layer norm",
    "fourth",
    task=FOURTH_FILES.sequences("firsts"),
    model={"name": "gru", "hidden_size": 24, "layer_norm": True},
    train={"learning_rate": 1e-2, "max_updates": 360},
    criterion={"score": 0.9},
)
ORDER = Family(
    "temporal order lstm 2x20 T=10",
    "fourth",
    task={"name": "temporal_order", "sequence_length": 10},
    model={"name": "lstm", "depth": 2, "hidden_size": 20},
    train={"learning_rate": 1e-2, "max_updates": 200},
)
ADDING = Family(
    "adding attention 1x24 T=9",
    "fourth",
    task={"name": "adding", "sequence_length": 9},
    model={"name": "attention", "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 320},
    criterion={"score": 0.9},
)
COPYING = Family(
    "copy of 4 symbols lstm 2x28 T=6, every step",
    "fourth",
    task={"name": "copy_memory", "sequence_length": 2, "num_symbols": 4, "num_copied": 2},
    model={"name": "lstm", "depth": 2, "hidden_size": 28},
    train={"learning_rate": 1e-2, "max_updates": 1000},
)
SUMS = Family(
    "sum of numbers below 3 gru 2x16 T=8",
    "fourth",
    task={"name": "sum_regression", "number_range": 3, "sequence_length": 8},
    model={"name": "gru", "depth": 2, "hidden_size": 16},
    train={"learning_rate": 1e-2, "max_updates": 1000},
)
RECALL = Family(
    "delayed recall of 5 symbols attention 1x20 T=16",
    "fourth",
    task={"name": "delayed_recall", "num_symbols": 5, "sequence_length": 16},
    model={"name": "attention", "hidden_size": 20},
    train={"learning_rate": 5e-3, "max_updates": 200},
)
RECTIFIED_RECALL = Family(
    "delayed recall of 3 symbols rnn relu 2x20 T=12",
    "fourth",
    task={"name": "delayed_recall", "num_symbols": 3, "sequence_length": 12},
    model={**_RECTIFIED, "depth": 2, "hidden_size": 20},
    train={**_SGD, "learning_rate": 5e-4, "max_updates": 120},
)
XOR = Family(
    "marked xor lstm 1x32 T=3",
    "fourth",
    task={"name": "marked_xor", "sequence_length": 3},
    model={"name": "lstm", "hidden_size": 32},
    train={"learning_rate": 1e-2, "max_updates": 600},
)
DIGITS = Family(
    "mnist gru 2x24 T=7",
    "fourth",
    task={"name": "mnist", "sequence_length": 7},
    model={"name": "gru", "depth": 2, "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 320},
)
PARITY = Family(
    "parity rnn tanh 2x24 T=6, every step",
    "fourth",
    task={"name": "parity", "sequence_length": 6, "supervision": "every_step"},
    model={"name": "rnn", "depth": 2, "hidden_size": 24},
    train={"learning_rate": 5e-3, "max_updates": 1000},
)
DEEP_SLOPES = Family(
    "slopes from a file, lstm 10x10 T=15",
    "fourth",
    task=FOURTH_FILES.sequences("slopes", "regression"),
    model={"name": "lstm", "depth": 10, "hidden_size": 10, "residual": True},
    train={"learning_rate": 5e-3, "max_updates": 48},
    criterion={"score": 0.8},
)
DEEP_DIALS = Family(
    "dials from a file, lstm 8x12 T=15, every step",
    "fourth",
    task=FOURTH_FILES.sequences("dials", supervision="every_step"),
    model={"name": "lstm", "depth": 8, "hidden_size": 12, "residual": True},
    train={"learning_rate": 1e-2, "max_updates": 120},
    criterion={"score": 0.5},
)
LONG_RECALL = Family(
    "delayed recall of 3 symbols lstm 1x24 T=60",
    "fourth",
    task={"name": "delayed_recall", "num_symbols": 3, "sequence_length": 60},
    model={"name": "lstm", "hidden_size": 24, "chrono": True},
    train={"learning_rate": 5e-3, "max_updates": 400},
)
ELMAN_RECALL = Family(
    "delayed recall of 4 symbols rnn tanh 1x28 T=40",
    "fourth",
    task={"name": "delayed_recall", "num_symbols": 4, "sequence_length": 40},
    model={"name": "rnn", "hidden_size": 28, "initialization": "orthogonal"},
    train={"learning_rate": 5e-4, "max_updates": 160},
)


def scaled(name: str, words: str) -> Family:
    """Return a family whose targets are far from the scale of a network's outputs, unless normalised."""
    return Family(
        f"{words} from a file, lstm 1x22",
        "fourth",
        task=FOURTH_FILES.sequences(name, "regression"),
        model={"name": "lstm", "hidden_size": 22},
        train={"learning_rate": 1e-2, "max_updates": 280},
        criterion={"score": 0.85},
    )


HIGH_SLOPES = scaled("slopes_80000", "slopes near 80,000")
SMALL_SLOPES = scaled("slopes_0.00005", "slopes near 0.00005")
LOW_PRODUCTS = scaled("products_minus_900", "products near -900")
WIDE_PRODUCTS = scaled("products_x6000", "products within 20,000")
#: Switches in units of their own, which normalising removes.
RAW_DIALS = Family(
    "dials in raw units from a file, gru 1x20 T=15, every step",
    "fourth",
    task=FOURTH_FILES.sequences("dials_raw", supervision="every_step"),
    model={"name": "gru", "hidden_size": 20},
    train={"learning_rate": 1e-2, "max_updates": 240},
    criterion={"score": 0.85},
)
