"""Tensors of trials in storage: checkpoints, final weights, and starting from another trial's weights.

A checkpoint is one safetensors file, without pickle; the progress is JSON in the file's header. Batches,
dropout masks and learning rates are functions of the seed and the update, so weights, optimizer state and
progress are the complete state.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from failmap.models.config import NetworkConfig, RecurrentConfig
from failmap.models.network import Network
from failmap.models.recurrent import RecurrentNetwork, reuse_layers
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import (
    PREPROCESSING_FILE,
    STATE_FILE,
    WEIGHTS_FILE,
    RunFolder,
    TrialFolder,
)
from failmap.run_folder.storage import AnyPath, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.trial.criterion import Progress
from failmap.search.trial.optimizers import stays_on_host
from failmap.search.trial.precision import LossScaling

#: Maximum number of trials that a message lists.
_MAX_NAMED = 5


@dataclass(frozen=True)
class Snapshot:
    """The state of a training between two updates.

    Attributes:
        tensors: `model.*`, `optimizer.<parameter>.<key>`, `scaling.*` if the loss is scaled, and `best.*`,
            the network at its best evaluation, if that is kept.
        progress: The trial's progress.
    """

    tensors: dict[str, Tensor]
    progress: Progress

    @classmethod
    def take(
        cls, model: nn.Module, optimizer: Optimizer, scaling: LossScaling, progress: Progress
    ) -> "Snapshot":
        """Copy the state, so that further training does not change it."""
        tensors = {f"model.{name}": tensor.detach().clone() for name, tensor in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                assert isinstance(value, Tensor), f"{type(optimizer).__name__}: {key} is not a tensor"
                tensors[f"optimizer.{name}.{key}"] = value.detach().clone()
        tensors |= {f"scaling.{key}": value for key, value in scaling.state().items()}
        return cls(tensors, replace(progress))

    def restore(self, model: nn.Module, optimizer: Optimizer, scaling: LossScaling) -> None:
        """Restore the state bit by bit."""
        model.load_state_dict(self._under("model."))
        optimizer.state.clear()
        parameters = dict(model.named_parameters())
        for path, tensor in self._under("optimizer.").items():
            name, _, key = path.rpartition(".")
            device = "cpu" if stays_on_host(optimizer, key) else parameters[name].device
            optimizer.state[parameters[name]][key] = tensor.to(device, copy=True)
        scaling.restore(self._under("scaling."))

    def with_best(self, weights: Mapping[str, Tensor]) -> "Snapshot":
        """Return the state together with the weights of the best evaluation so far."""
        if not weights:
            return self
        return Snapshot(
            self.tensors | {f"best.{name}": tensor for name, tensor in weights.items()}, self.progress
        )

    def best_weights(self) -> dict[str, Tensor]:
        """Return the weights of the best evaluation so far; empty if they were not kept."""
        return self._under("best.")

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

    def has_same_weights(self, model: nn.Module, scaling: LossScaling) -> bool:
        """Return whether neither a parameter nor the loss scale has changed by a bit.

        Every skipped step changes the scale. The statistics of a norm are not parameters.
        """
        tensors: dict[str, Tensor] = {f"model.{name}": p for name, p in model.named_parameters()}
        if scaling.is_enabled:
            tensors["scaling.scale"] = scaling.state()["scale"]
        return all(torch.equal(self.tensors[name], tensor) for name, tensor in tensors.items())

    def _under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names have a prefix, without it."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def _metadata(content: bytes) -> dict[str, Any]:
    """Return the metadata in a safetensors header: its length in 8 bytes, then JSON.

    See https://github.com/huggingface/safetensors#format. `load` has already validated the header.
    """
    length = int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8 : 8 + length])["__metadata__"])


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the CRC-32 of all tensors in the order of their names, to detect a faulty disk."""
    checksum = 0
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        checksum = zlib.crc32(values.numpy().data, checksum)
    return f"{checksum:08x}"


def save_weights(
    weights: Mapping[str, Tensor], folder: AnyPath, preprocessing: Mapping[str, Any] | None = None
) -> None:
    """Write a network's weights, and beside them what new data need, if anything.

    Args:
        weights: The network's state by name.
        folder: The trial's folder.
        preprocessing: See `Task.preprocessing`.
    """
    if preprocessing is not None:
        write_atomically(folder / PREPROCESSING_FILE, json.dumps(preprocessing, indent=1).encode())
    write_atomically(folder / WEIGHTS_FILE, save(dict(weights), {"format": "pt"}))


def start_from_stored(network: Network, config: NetworkConfig, folder: TrialFolder) -> None:
    """Copy the stored lower layers that the configuration names, if any, into a network.

    Args:
        network: The initialised network.
        config: The network's configuration.
        folder: The trial's folder; the other run must be in the same storage.

    Raises:
        UserError: The run, the trial or its weights are missing, or no lower layer fits.
    """
    if not isinstance(config, RecurrentConfig) or config.start_from is None:
        return
    assert isinstance(network, RecurrentNetwork)
    start_from(network, config.start_from, storage=folder.path.parent.parent.parent)


def start_from(network: RecurrentNetwork, source: str, storage: AnyPath) -> None:
    """Copy the lower layers of RUN/trial in a storage, as far as they fit. Raises as above."""
    path = stored_weights(source, storage)
    try:
        reuse_layers(network, load(store_of(path).read(path, MAX_TENSOR_BYTES)))
    except (SafetensorError, OSError) as error:
        raise UserError(f"model.start_from={source}: {path} cannot be read: {error}") from None
    except ValueError as error:
        raise UserError(f"model.start_from={source}: {error}") from None


def stored_weights(source: str, storage: AnyPath) -> AnyPath:
    """Return the path of the weights of RUN/trial. Raises a UserError that names the nearest ones."""
    run_name, _, number = source.rpartition("/")
    store, run = store_of(storage), RunFolder(storage / run_name)
    if not store.exists(run.trials):
        runs = store.list_folders(storage)
        raise UserError(f"model.start_from={source}: no run {run_name} in {storage}{nearest(run_name, runs)}")
    path = run.trial(int(number)).path / WEIGHTS_FILE
    if not store.exists(path):
        missing = "kept no weights" if store.exists(path.parent) else "is not there"
        files = [name.split("/") for name in store.list_files(run.trials)]
        kept = sorted(int(trial) for trial, *rest in files if rest == [WEIGHTS_FILE])
        hint = "no trial of that run did: it needs keep=learned or keep=all"
        if kept:
            more = f" and {len(kept) - _MAX_NAMED} more" if len(kept) > _MAX_NAMED else ""
            hint = f"trials with weights: {', '.join(map(str, kept[:_MAX_NAMED]))}{more}"
        raise UserError(f"model.start_from={source}: trial {number} {missing}; {hint}")
    return path
