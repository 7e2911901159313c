"""Core-seconds of a trial, from its configuration alone."""

import math
import statistics
from dataclasses import dataclass
from time import process_time

from failmap.models.config import Kind, Layer, SequenceShape
from failmap.search.own.config import AnyTrialConfig, OwnTrialConfig
from failmap.search.trial.config import TrialConfig


@dataclass(frozen=True)
class _Pass:
    """Milliseconds of one pass through a layer, on one core.

    Attributes:
        per_layer: For the layer, whatever its size.
        per_step: For each time step, whatever the layer's width.
        per_million_units: For a million units x steps x sequences (gates, and memory traffic).
        per_billion_products: For a billion multiplications in the matrix products.
    """

    per_layer: float
    per_step: float
    per_million_units: float
    per_billion_products: float

    def milliseconds(self, layer: Layer, num_sequences: int) -> float:
        """Return the time of one pass of some sequences through a layer."""
        size = layer.num_steps * num_sequences
        return (
            self.per_layer
            + self.per_step * layer.num_steps
            + size * layer.num_units / 1e6 * self.per_million_units
            + size * layer.num_products / 1e9 * self.per_billion_products
        )


#: Prices of an update (forward, backward, optimizer) and of an evaluation (forward). Those of recurrent
#: layers are least squares of relative errors on 21 stacks, 8 to 512 units, 3 to 200 steps; the others are
#: fitted by hand to three sizes each. One thread of torch 2.13 on a CPU with AVX-512. Torch fuses the time
#: steps of an LSTM on a CPU, so it has no cost per step; `stepwise` layers are called once per step.
_PASSES: dict[Kind, tuple[_Pass, _Pass]] = {
    "lstm": (_Pass(0.69, 0.0, 14.5, 52.7), _Pass(0.80, 0.0, 4.12, 17.9)),
    "gru": (_Pass(0.76, 0.149, 7.26, 70.5), _Pass(0.0, 0.0, 5.52, 46.5)),
    "rnn": (_Pass(0.40, 0.041, 4.27, 61.3), _Pass(0.44, 0.0, 2.89, 14.7)),
    "stepwise": (_Pass(0.7, 0.4, 14.5, 60.0), _Pass(0.8, 0.1, 4.12, 20.0)),
    "linear": (_Pass(0.1, 0.0, 2.0, 40.0), _Pass(0.03, 0.0, 0.5, 15.0)),
    "convolution": (_Pass(0.3, 0.0, 18.0, 20.0), _Pass(0.1, 0.0, 3.8, 7.0)),
    "attention": (_Pass(1.0, 0.0, 100.0, 27.0), _Pass(0.3, 0.0, 30.0, 10.0)),
}
#: Milliseconds of an update outside the layers: the batch and the loss.
_UPDATE_MILLISECONDS = 0.4


def relative_cost(config: AnyTrialConfig) -> float:
    """Return the core-seconds, on a nominal core, of a whole trial that does not learn.

    Nothing is known of an own training function before its trials have run: each counts as one.
    """
    if isinstance(config, OwnTrialConfig):
        return 1.0
    train, task = config.train, config.task
    batch_size = task.num_train if train.batch_size == "full" else train.batch_size
    assert batch_size is not None, "TrialConfig refuses a full batch of sequences that are drawn anew"
    updates = _milliseconds(config, batch_size, is_update=True) + _UPDATE_MILLISECONDS
    evaluations = _milliseconds(config, task.num_validation, is_update=False)
    num_evaluations = math.ceil(train.max_updates / train.evaluate_every)
    return (train.max_updates * updates + num_evaluations * evaluations) / 1000


def _milliseconds(config: TrialConfig, num_sequences: int, *, is_update: bool) -> float:
    """Return the time of one pass of some sequences through all layers, as an update or an evaluation."""
    task = config.task
    length_share = task.mean_length_share if is_update else 1.0
    shape = SequenceShape(
        task.num_features, task.num_steps, task.decoded_steps, length_share, in_training=is_update
    )
    return sum(
        _PASSES[layer.kind][0 if is_update else 1].milliseconds(layer, num_sequences)
        for layer in config.model.layers(shape)
    )


def machine_factor() -> float:
    """Measure the seconds that one core of this machine needs for a nominal core-second, in about 1 s."""
    import torch

    from failmap.search.trial.training import Training

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ratios = []
        for hidden_size in (32, 128):
            config = TrialConfig.model_validate(
                {
                    "task": {"name": "adding", "sequence_length": 20, "test_size": 2},
                    "model": {"name": "lstm", "hidden_size": hidden_size},
                    "train": {"max_updates": 1500, "evaluate_every": 1500},  # Nearly free evaluations.
                }
            )
            training = Training(config, torch.device("cpu"))
            training.run(0, 2, lambda: False)
            before = process_time()
            training.run(2, 60, lambda: False)
            per_update = (process_time() - before) / (60 - 2)
            ratios.append(per_update * config.train.max_updates / relative_cost(config))
    finally:
        torch.set_num_threads(num_threads)
    return statistics.geometric_mean(ratios)
