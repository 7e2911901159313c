"""What a trial costs, estimated before anything runs: for the order of the cells and for the plan."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

from datasets.config import NUM_PIXELS, DelayedRecallConfig, GeneratedTaskConfig, MnistConfig, TaskConfig
from models.config import NetworkConfig
from search.trial.config import TrialConfig

#: Updates of each calibration trial: together about a second.
_CALIBRATION_UPDATES = 60


@dataclass(frozen=True)
class _Pass:
    """Milliseconds of one pass through a layer, on one core.

    Attributes:
        per_layer: whatever its size.
        per_step: for each time step, whatever its width.
        per_million_units: for a million units x steps x sequences (gates, and memory traffic).
        per_billion_products: for a billion multiplications in the matrix products.
    """

    per_layer: float
    per_step: float
    per_million_units: float
    per_billion_products: float


@dataclass(frozen=True)
class _Kind:
    """A kind of layer: its matrices, and the cost of an update and of an evaluation."""

    num_gates: int
    update: _Pass
    evaluation: _Pass


#: Least squares of relative errors on 21 stacks, 8 to 512 units, 3 to 200 steps, one thread of torch 2.13 on
#: a CPU with AVX-512. Torch fuses the time steps of an LSTM on a CPU, so it has no cost per step.
_KINDS = {
    "lstm": _Kind(4, _Pass(0.69, 0.0, 14.5, 52.7), _Pass(0.80, 0.0, 4.12, 17.9)),
    "gru": _Kind(3, _Pass(0.76, 0.149, 7.26, 70.5), _Pass(0.0, 0.0, 5.52, 46.5)),
    "rnn": _Kind(1, _Pass(0.40, 0.041, 4.27, 61.3), _Pass(0.44, 0.0, 2.89, 14.7)),
}
#: Milliseconds of an update beside the layers: the batch, the readout, the loss.
_UPDATE_MILLISECONDS = 0.4


def relative_cost(config: TrialConfig) -> float:
    """Core-seconds on a nominal core of a whole trial that does not learn. A function of its config."""
    train = config.train
    update = _UPDATE_MILLISECONDS + _stack_milliseconds(config, train.batch_size, is_update=True)
    evaluation = _stack_milliseconds(config, config.task.validation_size, is_update=False)
    num_evaluations = math.ceil(train.max_updates / train.evaluate_every)
    return (train.max_updates * update + num_evaluations * evaluation) / 1000


def machine_factor() -> float:
    """Seconds on one core of this machine for a nominal core-second. Trains for a second; needs torch."""
    import torch

    from search.trial.training import Training

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ratios = []
        for config in _calibration_trials():
            training = Training(config, torch.device("cpu"))
            training.run(0, 2, lambda: False)
            before = process_time()
            training.run(2, _CALIBRATION_UPDATES, lambda: False)
            per_update = (process_time() - before) / (_CALIBRATION_UPDATES - 2)
            ratios.append(per_update * config.train.max_updates / relative_cost(config))
    finally:
        torch.set_num_threads(num_threads)
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def _calibration_trials() -> Iterator[TrialConfig]:
    """A small and a wider network, as trials of which evaluations cost nearly nothing."""
    for hidden_size in (32, 128):
        yield TrialConfig.model_validate(
            {
                "task": {"name": "adding", "sequence_length": 20, "test_size": 2},
                "model": {"name": "lstm", "hidden_size": hidden_size},
                "train": {"max_updates": 1500, "evaluate_every": 1500},
            }
        )


def _stack_milliseconds(config: TrialConfig, num_sequences: int, *, is_update: bool) -> float:
    """One pass of some sequences through all layers."""
    model, kind = config.model, _KINDS[config.model.name]
    cost = kind.update if is_update else kind.evaluation
    length = _mean_length(config.task) if is_update else config.task.sequence_length
    products = kind.num_gates * sum(
        model.hidden_size * inputs for inputs in _layer_inputs(config.task, model)
    )
    return (
        model.depth * (cost.per_layer + cost.per_step * length)
        + model.depth * length * num_sequences * model.hidden_size / 1e6 * cost.per_million_units
        + length * num_sequences * products / 1e9 * cost.per_billion_products
    )


def _layer_inputs(task: TaskConfig, model: NetworkConfig) -> Iterator[int]:
    """What each layer's matrices are multiplied with: its inputs and its own last output."""
    yield _input_size(task) + model.hidden_size
    for _ in range(model.depth - 1):
        yield 2 * model.hidden_size


def _input_size(task: TaskConfig) -> int:
    match task:
        case MnistConfig():
            return math.ceil(NUM_PIXELS / task.sequence_length)
        case DelayedRecallConfig():
            return task.num_symbols
        case _:
            return 2


def _mean_length(task: TaskConfig) -> float:
    """Mean number of steps of a training batch."""
    if isinstance(task, GeneratedTaskConfig) and task.length_distribution == "uniform":
        return (1 + task.sequence_length) / 2
    if isinstance(task, GeneratedTaskConfig) and task.length_distribution == "curriculum":
        return task.sequence_length * (1 - task.curriculum_share / 2)
    return task.sequence_length
