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

from analysis.storage import write_atomically
from search.trial.criterion import Progress
from search.trial.optimizers import stays_on_host
from search.trial.precision import LossScaling

STATE_FILE = "state.safetensors"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Snapshot:
    """A training between two updates.

    Attributes:
        tensors: `model.*`, `optimizer.<parameter>.<key>`, and `scaling.*` where the loss is scaled.
        progress: of the trial.
    """

    tensors: dict[str, Tensor]
    progress: Progress

    @classmethod
    def take(
        cls, model: nn.Module, optimizer: Optimizer, progress: Progress, scaling: LossScaling | None = None
    ) -> "Snapshot":
        """Copies the state, so that training on does not change it."""
        tensors = {f"model.{name}": tensor.detach().clone() for name, tensor in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                assert isinstance(value, Tensor), f"{type(optimizer).__name__} keeps {key} as no tensor"
                tensors[f"optimizer.{name}.{key}"] = value.detach().clone()
        if scaling is not None:
            tensors |= {f"scaling.{key}": value for key, value in scaling.state().items()}
        return cls(tensors, Progress(**asdict(progress)))

    def restore(self, model: nn.Module, optimizer: Optimizer, scaling: LossScaling | None = None) -> None:
        """Puts the state back, bit by bit."""
        model.load_state_dict(self._under("model."))
        optimizer.state.clear()
        parameters = dict(model.named_parameters())
        for path, tensor in self._under("optimizer.").items():
            name, _, key = path.rpartition(".")
            parameter = parameters[name]
            device = "cpu" if stays_on_host(optimizer, key) else parameter.device
            optimizer.state[parameter][key] = tensor.to(device, copy=True)
        if scaling is not None:
            scaling.restore(self._under("scaling."))

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

    def same_scaling(self, scaling: LossScaling | None) -> bool:
        """Whether the loss is still scaled by the same number: each step that is left out changes it."""
        return scaling is None or torch.equal(self.tensors["scaling.scale"], scaling.state()["scale"])

    def same_weights(self, model: nn.Module) -> bool:
        """Whether no weight has changed by a bit since the snapshot; a norm's statistics are none."""
        return all(torch.equal(self.tensors[f"model.{name}"], p) for name, p in model.named_parameters())

    def _under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, named by the rest."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def save_weights(model: nn.Module, folder: Path) -> None:
    """Writes the network's weights alone."""
    write_atomically(folder / WEIGHTS_FILE, save(dict(model.state_dict()), {"format": "pt"}))
