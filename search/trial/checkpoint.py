"""A training's state in one file, without pickle: safetensors, the small numbers as JSON in its header.

Batches, dropout masks and learning rates are functions of the seed and the update, so weights, optimizer
state and progress are all there is to keep.
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

    def save(self, folder: AnyPath) -> None:
        """Writes the state as one whole file."""
        metadata = {"progress": json.dumps(asdict(self.progress)), "checksum": _checksum(self.tensors)}
        write_atomically(folder / STATE_FILE, save(self.tensors, metadata))

    @classmethod
    def load(cls, folder: AnyPath, device: torch.device) -> "Snapshot | None":
        """The stored state, or None where there is none that can be read whole.

        Raises:
            OSError: there may be one, but the storage fails.
        """
        path = folder / STATE_FILE
        try:
            content = store_of(path).read(path, MAX_TENSOR_BYTES)
            tensors, metadata = load(content), _metadata(content)
            progress = Progress(**json.loads(metadata["progress"]))
            # Those of before had no checksum.
            if metadata.get("checksum", _checksum(tensors)) != _checksum(tensors):
                return None
        except (FileNotFoundError, SafetensorError, TypeError, KeyError, ValueError):
            return None
        return cls({name: tensor.to(device) for name, tensor in tensors.items()}, progress)

    def same_scaling(self, scaling: LossScaling | None) -> bool:
        """Whether the loss is still scaled by the same number: each step that is left out changes it."""
        return scaling is None or torch.equal(self.tensors["scaling.scale"], scaling.state()["scale"])

    def same_weights(self, model: nn.Module) -> bool:
        """Whether no weight has changed by a bit since the snapshot; a norm's statistics are none."""
        return all(torch.equal(self.tensors[f"model.{name}"], p) for name, p in model.named_parameters())

    def _under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, named by the rest."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def _metadata(content: bytes) -> dict[str, Any]:
    """What the header of a safetensors file holds beside the tensors: its length in 8 bytes, then JSON
    (https://github.com/huggingface/safetensors#format). `load` has looked whether it is whole."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, Any] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """CRC-32 over all tensors by name: a broken disk gives back what was not written."""
    checksum = 0
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        checksum = zlib.crc32(values.numpy().data, checksum)
    return f"{checksum:08x}"


def save_weights(model: nn.Module, folder: AnyPath) -> None:
    """Writes the network's weights alone."""
    write_atomically(folder / WEIGHTS_FILE, save(dict(model.state_dict()), {"format": "pt"}))
