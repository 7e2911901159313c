"""The state that a training function reports, and its checkpoint: safetensors with JSON in the header.

A state is made of dicts, lists, tuples, tensors, NumPy arrays, numbers, texts, booleans and None, as the
`state_dict()` of networks, optimizers and schedulers are. Nothing is pickled.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from failmap.run_folder.paths import STATE_FILE
from failmap.run_folder.storage import AnyPath, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.trial.criterion import Progress

_MAX_DEPTH = 50


class StateError(TypeError):
    """A reported state holds something that no checkpoint can hold."""


@dataclass(frozen=True)
class OwnState:
    """A reported state, copied, with the trial's progress at its report.

    Attributes:
        tensors: The tensors and arrays, by number.
        skeleton: The rest as JSON values, in which each tensor is its number.
        progress: The trial's progress.
    """

    tensors: dict[str, Tensor]
    skeleton: Any
    progress: Progress

    @classmethod
    def take(cls, state: Any, progress: Progress) -> "OwnState":
        """Copy a state, so that further training does not change it.

        Raises:
            StateError: Something in it is neither data nor a tensor; the line names where.
        """
        tensors: dict[str, Tensor] = {}
        skeleton = _encode(state, tensors, "state")
        return cls(tensors, skeleton, replace(progress))

    def restored(self) -> Any:
        """Return the state as it was reported, its tensors on the CPU."""
        return _decode(self.skeleton, self.tensors)

    def save(self, folder: AnyPath) -> None:
        """Write the checkpoint to a folder atomically."""
        tensors = {name: tensor.cpu().contiguous() for name, tensor in self.tensors.items()}
        header = json.dumps({"state": self.skeleton, "progress": asdict(self.progress)})
        content = _with_json(tensors, header)
        write_atomically(folder / STATE_FILE, content)

    @classmethod
    def load(cls, folder: AnyPath) -> "OwnState | None":
        """Return the checkpoint in a folder, or None if there is none or it is damaged.

        Raises:
            OSError: The storage failed.
        """
        path = folder / STATE_FILE
        try:
            tensors = load(store_of(path).read(path, MAX_TENSOR_BYTES))
            text = bytes(tensors.pop(_JSON).numpy())
            values = json.loads(text)
            if values.pop("checksum") != _checksum(tensors, values):
                return None
            return cls(tensors, values["state"], Progress(**values["progress"]))
        except (FileNotFoundError, SafetensorError, TypeError, KeyError, ValueError):
            return None


#: The name of the JSON text, as bytes: a header of safetensors is limited to 100 MB, and so is no state.
_JSON = "json"


def _with_json(tensors: dict[str, Tensor], header: str) -> bytes:
    values = json.loads(header)
    text = json.dumps({**values, "checksum": _checksum(tensors, values)}).encode()
    return save({**tensors, _JSON: torch.frombuffer(bytearray(text), dtype=torch.uint8)})


def _checksum(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> str:
    """Return the CRC-32 of the JSON values and of all tensors, to detect a faulty disk."""
    checksum = zlib.crc32(json.dumps(values, sort_keys=True).encode())
    for name in sorted(tensors):
        flat = tensors[name].contiguous().reshape(-1).view(torch.uint8)
        checksum = zlib.crc32(flat.numpy().data, checksum)
    return f"{checksum:08x}"


def _encode(value: Any, tensors: dict[str, Tensor], where: str, depth: int = 0) -> Any:
    """Return JSON values; what JSON cannot tell apart is a mapping of its kind to its content."""
    if depth > _MAX_DEPTH:
        raise StateError(f"{where}: is nested more than {_MAX_DEPTH} deep")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic):
        return _encode(value.item(), tensors, where, depth)
    if isinstance(value, int | float):
        # Subclasses, such as enumerations, are stored as plain numbers.
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.is_quantized:
            raise StateError(f"{where}: only dense tensors can be stored")
        return {"tensor": _add(value.detach().clone(memory_format=torch.contiguous_format), tensors)}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject or value.dtype.kind not in "biufc":
            raise StateError(f"{where}: an array of {value.dtype} cannot be stored, only numbers")
        return {"array": _add(torch.from_numpy(np.ascontiguousarray(value).copy()), tensors)}
    if isinstance(value, Mapping):
        items = []
        for key, inner in value.items():
            if not isinstance(key, str | int | float | bool | None):
                raise StateError(f"{where}: a key of type {type(key).__name__} cannot be stored")
            items.append([key, _encode(inner, tensors, f"{where}[{key!r}]", depth + 1)])
        return {"dict": items}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(one, tensors, f"{where}[{i}]", depth + 1) for i, one in enumerate(value)]}
    raise StateError(
        f"{where}: {type(value).__name__} cannot be stored: a state has dicts, lists, tensors, arrays, "
        "numbers and texts, as state_dict() returns"
    )


def _add(tensor: Tensor, tensors: dict[str, Tensor]) -> str:
    name = str(len(tensors))
    tensors[name] = tensor
    return name


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "tensor":
            return tensors[content].clone()
        case "array":
            return tensors[content].numpy().copy()
        case "dict":
            return {key: _decode(inner, tensors) for key, inner in content}
        case "list":
            return [_decode(inner, tensors) for inner in content]
        case _:
            return tuple(_decode(inner, tensors) for inner in content)
