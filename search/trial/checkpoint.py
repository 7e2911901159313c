"""A training's state in one safetensors file, without pickle; the progress is JSON in the file's header.

Batches, dropout masks and learning rates are functions of the seed and the update, so weights, optimizer
state and progress are the complete state.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from failmap.run_folder.storage import AnyPath, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.trial.criterion import Progress
from failmap.search.trial.optimizers import stays_on_host
from failmap.search.trial.precision import LossScaling

STATE_FILE = "state.safetensors"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Snapshot:
    """The state of a training between two updates.

    Attributes:
        tensors: `model.*`, `optimizer.<parameter>.<key>`, and `scaling.*` if the loss is scaled.
        progress: The trial's progress.
    """

    tensors: dict[str, Tensor]
    progress: Progress

    @classmethod
    def take(
        cls, model: nn.Module, optimizer: Optimizer, progress: Progress, scaling: LossScaling | None = None
    ) -> "Snapshot":
        """Copy the state, so that further training does not change it."""
        tensors = {f"model.{name}": tensor.detach().clone() for name, tensor in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                assert isinstance(value, Tensor), f"{type(optimizer).__name__}: {key} is not a tensor"
                tensors[f"optimizer.{name}.{key}"] = value.detach().clone()
        if scaling is not None:
            tensors |= {f"scaling.{key}": value for key, value in scaling.state().items()}
        return cls(tensors, Progress(**asdict(progress)))

    def restore(self, model: nn.Module, optimizer: Optimizer, scaling: LossScaling | None = None) -> None:
        """Restore the state bit by bit."""
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

    def save(self, folder: AnyPath) -> None:
        """Write the state to the folder's state file atomically."""
        metadata = {"progress": json.dumps(asdict(self.progress)), "checksum": _checksum(self.tensors)}
        write_atomically(folder / STATE_FILE, save(self.tensors, metadata))

    @classmethod
    def load(cls, folder: AnyPath, device: torch.device) -> "Snapshot | None":
        """Return the stored state, or None if there is none or it is damaged.

        Raises:
            OSError: The storage failed.
        """
        path = folder / STATE_FILE
        try:
            content = store_of(path).read(path, MAX_TENSOR_BYTES)
            tensors, metadata = load(content), _metadata(content)
            progress = Progress(**json.loads(metadata["progress"]))
            # Checkpoints of earlier versions have no checksum.
            if metadata.get("checksum", _checksum(tensors)) != _checksum(tensors):
                return None
        except (FileNotFoundError, SafetensorError, TypeError, KeyError, ValueError):
            return None
        return cls({name: tensor.to(device) for name, tensor in tensors.items()}, progress)

    def same_scaling(self, scaling: LossScaling | None) -> bool:
        """Return whether the loss scale is unchanged; every skipped step changes it."""
        return scaling is None or torch.equal(self.tensors["scaling.scale"], scaling.state()["scale"])

    def same_weights(self, model: nn.Module) -> bool:
        """Return whether no parameter has changed by a bit; a norm's statistics are not parameters."""
        return all(torch.equal(self.tensors[f"model.{name}"], p) for name, p in model.named_parameters())

    def _under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names have a prefix, without it."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def _metadata(content: bytes) -> dict[str, Any]:
    """Return the metadata in a safetensors header: its length in 8 bytes, then JSON.

    See https://github.com/huggingface/safetensors#format. `load` has already validated the header.
    """
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, Any] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the CRC-32 of all tensors in the order of their names, to detect a faulty disk."""
    checksum = 0
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        checksum = zlib.crc32(values.numpy().data, checksum)
    return f"{checksum:08x}"


def save_weights(model: nn.Module, folder: AnyPath) -> None:
    """Write the network's weights to the folder's weights file."""
    write_atomically(folder / WEIGHTS_FILE, save(dict(model.state_dict()), {"format": "pt"}))
