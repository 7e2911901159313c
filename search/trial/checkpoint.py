"""A training's state in one file, without pickle: safetensors, the small numbers as JSON in its header.

Batches, dropout masks and learning rates are functions of the seed and the update, so weights, optimizer
state and progress are all there is to keep.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from analysis.files import write_atomically
from search.trial.criterion import Progress

STATE_FILE = "state.safetensors"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Snapshot:
    """A training between two updates: tensors `model.*` and `optimizer.<parameter>.<key>`, and progress."""

    tensors: dict[str, Tensor]
    progress: Progress

    @classmethod
    def take(cls, model: nn.Module, optimizer: Optimizer, progress: Progress) -> "Snapshot":
        """Copies the state, so that training on does not change it."""
        tensors = {f"model.{name}": tensor.detach().clone() for name, tensor in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state[parameter].items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{name}.{key}"] = value.detach().clone()
        return cls(tensors, Progress(**asdict(progress)))

    def restore(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Puts the state back, bit by bit."""
        model.load_state_dict(
            {name.removeprefix("model."): t for name, t in self.tensors.items() if name.startswith("model.")}
        )
        optimizer.state.clear()
        parameters = dict(model.named_parameters())
        counts_on_host = not optimizer.defaults.get("fused")
        for name, tensor in self.tensors.items():
            if name.startswith("optimizer."):
                parameter, _, key = name.removeprefix("optimizer.").rpartition(".")
                copy = tensor.cpu() if key == "step" and counts_on_host else tensor
                optimizer.state[parameters[parameter]][key] = copy.clone()

    def save(self, folder: Path) -> None:
        """Writes the state as one whole file."""
        metadata = {"progress": json.dumps(asdict(self.progress))}
        write_atomically(folder / STATE_FILE, save(self.tensors, metadata))

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "Snapshot | None":
        """The stored state, or None where there is none that can be read whole."""
        try:
            with safe_open(folder / STATE_FILE, framework="pt", device=str(device)) as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
                progress = Progress(**json.loads(file.metadata()["progress"]))
        except (FileNotFoundError, SafetensorError, TypeError, KeyError, ValueError):
            return None
        return cls(tensors, progress)

    def same_weights(self, model: nn.Module) -> bool:
        """Whether no weight has changed by a bit since the snapshot."""
        return all(torch.equal(self.tensors[f"model.{name}"], t) for name, t in model.state_dict().items())


def save_weights(model: nn.Module, folder: Path) -> None:
    """Writes the network's weights alone."""
    write_atomically(folder / WEIGHTS_FILE, save(dict(model.state_dict()), {"format": "pt"}))
