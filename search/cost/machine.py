"""How fast this machine is, beside the one that the estimates were fitted on."""

import math
from collections.abc import Iterator
from time import process_time

from failmap.search.cost.estimate import relative_cost
from failmap.search.trial.config import TrialConfig

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
