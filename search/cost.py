"""Core-seconds of a trial, from its configuration alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

from failmap.datasets.config import GeneratedTaskConfig, MnistConfig, TaskConfig
from failmap.datasets.input_space import num_validation_sequences
from failmap.datasets.notes import num_train_inputs
from failmap.search.layer_shapes import Layer, layers_of
from failmap.search.trial.config import TrialConfig


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

    def milliseconds(self, layer: Layer, num_sequences: int) -> float:
        """One pass of some sequences through a layer."""
        size = layer.num_steps * num_sequences
        return (
            self.per_layer
            + self.per_step * layer.num_steps
            + size * layer.num_units / 1e6 * self.per_million_units
            + size * layer.num_products / 1e9 * self.per_billion_products
        )


#: An update (forward, backward, optimizer) and an evaluation (forward) by the kind of layer. Recurrent ones:
#: least squares of relative errors on 21 stacks, 8 to 512 units, 3 to 200 steps; the others by hand from
#: three sizes each. One thread of torch 2.13 on a CPU with AVX-512. Torch fuses the time steps of an LSTM on
#: a CPU, so it has no cost per step; `stepwise` layers are called anew for every step.
_PASSES = {
    "lstm": (_Pass(0.69, 0.0, 14.5, 52.7), _Pass(0.80, 0.0, 4.12, 17.9)),
    "gru": (_Pass(0.76, 0.149, 7.26, 70.5), _Pass(0.0, 0.0, 5.52, 46.5)),
    "rnn": (_Pass(0.40, 0.041, 4.27, 61.3), _Pass(0.44, 0.0, 2.89, 14.7)),
    "stepwise": (_Pass(0.7, 0.4, 14.5, 60.0), _Pass(0.8, 0.1, 4.12, 20.0)),
    "linear": (_Pass(0.1, 0.0, 2.0, 40.0), _Pass(0.03, 0.0, 0.5, 15.0)),
    "convolution": (_Pass(0.3, 0.0, 18.0, 20.0), _Pass(0.1, 0.0, 3.8, 7.0)),
    "attention": (_Pass(1.0, 0.0, 100.0, 27.0), _Pass(0.3, 0.0, 30.0, 10.0)),
}
#: Training sequences for each validation sequence where only a file knows.
_NOMINAL_TRAIN_RATIO = 7
#: Milliseconds of an update beside the layers: the batch, the loss.
_UPDATE_MILLISECONDS = 0.4


def relative_cost(config: TrialConfig) -> float:
    """Core-seconds on a nominal core of a whole trial that does not learn. A function of its config."""
    train, task = config.train, config.task
    batch_size = _batch_size(config)
    updates = _milliseconds(config, batch_size, _mean_share(task), is_update=True) + _UPDATE_MILLISECONDS
    evaluations = _milliseconds(config, num_validation_sequences(task), 1.0, is_update=False)
    num_evaluations = math.ceil(train.max_updates / train.evaluate_every)
    return (train.max_updates * updates + num_evaluations * evaluations) / 1000


def _milliseconds(config: TrialConfig, num_sequences: int, length_share: float, *, is_update: bool) -> float:
    """One pass of some sequences of a share of the full length through all layers."""
    return sum(
        _PASSES[layer.kind][0 if is_update else 1].milliseconds(layer, num_sequences)
        for layer in layers_of(config, length_share, in_training=is_update)
    )


def _batch_size(config: TrialConfig) -> int:
    """Sequences of one update; where that is the whole training set, as many as the task says it has."""
    batch_size, task = config.train.batch_size, config.task
    if isinstance(batch_size, int):
        return batch_size
    match task:
        case GeneratedTaskConfig():
            assert task.train_size is not None, "TrialConfig refuses what is drawn anew"
            return min(task.train_size, num_train_inputs(task))
        case MnistConfig():
            return task.train_size or task.num_left_to_train
        case _:
            return getattr(task, "train_size", None) or _NOMINAL_TRAIN_RATIO * task.validation_size


def _mean_share(task: TaskConfig) -> float:
    """Mean length of a training batch, as a share of the full length."""
    if not isinstance(task, GeneratedTaskConfig) or task.length_distribution == "fixed":
        return 1.0
    if task.length_distribution == "uniform":
        return (1 + 1 / task.sequence_length) / 2
    return 1 - task.curriculum_share / 2


#: Updates of each calibration trial: together about a second.
_CALIBRATION_UPDATES = 60


def machine_factor() -> float:
    """Seconds on one core of this machine for a nominal core-second. Trains for a second; needs torch."""
    import torch

    from failmap.search.trial.training import Training

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
