"""A stored network, ready to be used on new data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor

from failmap.datasets import build_task
from failmap.models.network import Lengths, Network
from failmap.run_folder.paths import PREPROCESSING_FILE, WEIGHTS_FILE, RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import read_text, store_of
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.head import Head
from failmap.search.trial.training import build_network


@dataclass(frozen=True)
class TrainedModel:
    """A trained network with its head.

    Attributes:
        network: The network, in evaluation mode; its outputs are raw.
        head: From raw outputs to predictions.
        preprocessing: What turns values of the user's own file into inputs (docs/run_folder.md); None for
            tasks whose inputs are generated.
        config: The trial's.
    """

    network: Network
    head: Head
    preprocessing: Mapping[str, Any] | None
    config: TrialConfig

    @torch.no_grad()
    def predict(self, values: Any, lengths: Lengths = None) -> Tensor:
        """Return predictions: numbers in the task's own units, or probabilities of classes.

        Args:
            values: Sequences as they are in the file, or inputs where these are generated; (batch, steps,
                features).
            lengths: The length of each padded sequence; None if there is no padding.
        """
        numbers = np.asarray(values, dtype=np.float64)
        known = self.preprocessing
        if known is not None:
            numbers = (numbers - np.array(known["input_mean"])) / np.array(known["input_deviation"])
        inputs: Float[Tensor, "batch time features"] = torch.from_numpy(numbers.astype(np.float32))
        predicted = self.head.predict(self.network(inputs, lengths))
        if known is not None and known["target_mean"] is not None:
            mean, deviation = (torch.tensor(known[f"target_{name}"]) for name in ("mean", "deviation"))
            predicted = predicted * deviation.squeeze() + mean.squeeze()
        return predicted


def load_trained(folder: RunFolder, number: int) -> TrainedModel:
    """Return the network of a trial with kept weights.

    Builds the trial's task, whose files must be where they were. Own code is executed.

    Raises:
        FileNotFoundError: The trial kept no weights.
        TaskError: The task cannot be built.
    """
    trial = folder.trial(number)
    weights = store_of(trial.path).read(trial.path / WEIGHTS_FILE, MAX_TENSOR_BYTES)
    record = TrialRecord.from_json(read_text(trial.record))
    config = TrialConfig.model_validate(record.config)
    task = build_task(config.task, torch.device("cpu"))
    # The weights that are drawn first are replaced: the caller's random numbers go on as if there were none.
    with torch.random.fork_rng(devices=[]):
        network = build_network(config, task)
    network.load_state_dict(load(weights))
    path = trial.path / PREPROCESSING_FILE
    preprocessing = json.loads(read_text(path)) if store_of(path).exists(path) else None
    return TrainedModel(network.eval(), Head.of(config.output, task), preprocessing, config)
