"""What a network's layers have to do for one sequence, as far as its cost goes by it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from failmap.datasets.config import (
    NUM_PIXELS,
    CopyMemoryConfig,
    DelayedRecallConfig,
    MnistConfig,
    ParityConfig,
    SumRegressionConfig,
    TaskConfig,
    TemporalOrderConfig,
)
from failmap.models.config import (
    AttentionConfig,
    CnnLSTMConfig,
    ConvLSTMConfig,
    ConvolutionConfig,
    DecodingConfig,
    EncoderDecoderConfig,
    MLPConfig,
    Recurrence,
    RecurrentConfig,
)
from failmap.search.trial.config import TrialConfig

Kind = Literal["lstm", "gru", "rnn", "stepwise", "linear", "convolution", "attention"]
#: Matrices of each kind of recurrent layer, one a gate.
_NUM_GATES: dict[Recurrence, int] = {"lstm": 4, "gru": 3, "rnn": 1}
#: Features of a step where only the file knows.
_UNKNOWN_FEATURES = 8


@dataclass(frozen=True)
class Layer:
    """One layer's work for one sequence.

    Attributes:
        kind: whose prices it has.
        num_steps: time steps.
        num_units: units, or channels x positions, of one step.
        num_products: multiplications of one step.
    """

    kind: Kind
    num_steps: float
    num_units: float
    num_products: float


def layers_of(config: TrialConfig, length_share: float = 1.0, *, in_training: bool = True) -> list[Layer]:
    """The layers of a trial's network.

    Args:
        config: the trial.
        length_share: length of the sequences as a share of the full one.
        in_training: a decoder is shown true frames in training only.
    """
    model, task = config.model, config.task
    num_steps = task.num_steps * length_share
    match model:
        case RecurrentConfig():
            return list(_recurrent(model, input_size(task), num_steps + sum(task.decoded_steps)))
        case MLPConfig():
            widths = [task.num_steps * input_size(task), *[model.hidden_size] * model.depth]
            return [Layer("linear", 1, above, below * above) for below, above in pairwise(widths)]
        case ConvolutionConfig():
            widths = [input_size(task), *[model.hidden_size] * model.depth]
            steps = num_steps + sum(task.decoded_steps)
            return [
                Layer("convolution", steps, above, below * above * model.kernel_size)
                for below, above in pairwise(widths)
            ]
        case AttentionConfig():
            steps, width = num_steps + sum(task.decoded_steps), model.hidden_size
            products = 12 * width * width + 2 * steps * width
            return [Layer("attention", steps, width, products)] * model.depth
        case _:
            assert isinstance(model, DecodingConfig), model
            return list(_encoder_decoder(model, task, num_steps, in_training=in_training))


def input_size(task: TaskConfig) -> int:
    """Features of one time step."""
    if task.frame_shape is not None:
        return math.prod(task.frame_shape)
    match task:
        case ParityConfig() | SumRegressionConfig():
            return 1
        case DelayedRecallConfig():
            return task.num_symbols + 1
        case CopyMemoryConfig():
            return task.num_symbols + 2
        case TemporalOrderConfig():
            return 8
        case MnistConfig():
            return math.ceil(NUM_PIXELS / task.sequence_length)
        case _:
            return 2 if task.name in ("adding", "marked_xor") else _UNKNOWN_FEATURES


def _recurrent(model: RecurrentConfig, num_features: int, num_steps: float) -> Iterator[Layer]:
    directions = 2 if model.bidirectional else 1
    recurrence = next(kind for kind in _NUM_GATES if kind == model.name)
    kind: Kind = "stepwise" if model.variational_dropout else recurrence
    below = num_features
    for width in model.layer_widths:
        products = directions * _NUM_GATES[recurrence] * width * (below + width)
        yield Layer(kind, num_steps, directions * width, products)
        below = directions * width


def _encoder_decoder(
    model: DecodingConfig, task: TaskConfig, num_steps: float, *, in_training: bool
) -> Iterator[Layer]:
    """The encoder, a decoder for each sequence that is asked for, and what lies between them and frames.

    A decoder that sees its own output is called anew for every step; one that sees nothing, or all of the
    true sequence, is called once.
    """
    yield from _one_side(model, task, num_steps, calls_each_step=False)
    sees_its_own = model.decoder_input != "zero" and not (in_training and model.sees_only_truth)
    for steps in task.decoded_steps or (1,):
        yield from _one_side(model, task, steps, calls_each_step=sees_its_own and steps > 1)


def _one_side(
    model: DecodingConfig, task: TaskConfig, num_steps: float, *, calls_each_step: bool
) -> Iterator[Layer]:
    """The map between frames and features, and the recurrent layers on them."""
    num_pixels, width = input_size(task), model.hidden_size
    match model:
        case ConvLSTMConfig():
            num_positions = num_pixels / model.patch_size**2
            area = model.kernel_size**2
            below = float(model.patch_size**2)
            for _ in range(model.depth):
                products = num_positions * 4 * width * (below + width) * area
                yield Layer("stepwise", num_steps, 4 * num_positions * width, products)
                below = width
        case CnnLSTMConfig():
            # Two convolutions of stride 2: half, then a quarter of the width, and twice the channels.
            area, channels = model.kernel_size**2, model.channels
            products = num_pixels / 4 * channels * area + num_pixels / 16 * 2 * channels**2 * area
            yield Layer("convolution", num_steps, num_pixels / 4 * channels, products)
            num_positions, below = num_pixels / 16, 2.0 * channels
            if model.features == "flat":
                num_positions, below, area = 1.0, num_positions * below, 1
            for _ in range(model.depth):
                products = num_positions * 4 * width * (below + width) * area
                is_called = calls_each_step or model.features == "spatial"
                yield Layer("stepwise" if is_called else "lstm", num_steps, num_positions * width, products)
                below = width
        case _:
            assert isinstance(model, EncoderDecoderConfig), model
            linear = model.linear_size or width
            yield Layer("linear", num_steps, linear, num_pixels * linear)
            kind: Kind = "stepwise" if calls_each_step else model.recurrence
            for _ in range(model.depth):
                yield Layer(kind, num_steps, width, _NUM_GATES[model.recurrence] * 2 * width**2)
