"""Reading of the IDX files that MNIST is published in (yann.lecun.com/exdb/mnist, section 'file formats').

Four bytes of magic (0, 0, the type, the number of dimensions), each dimension as four bytes with the
largest first, then the data, the last index fastest.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from failmap.datasets.errors import TaskError
from failmap.datasets.files.checks import require_room

#: Type byte of unsigned bytes, the only type that MNIST has.
_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, item_shape: tuple[int, ...]) -> UInt8[np.ndarray, "items *shape"]:
    """Read one file of unsigned bytes, or the same name with .gz.

    Args:
        path: The file, without .gz.
        item_shape: Required shape of an item: () for labels, (28, 28) for digits.

    Raises:
        TaskError: The file is missing, unreadable, or not what its header says; names it.
    """
    num_dimensions = 1 + len(item_shape)
    header_size, item_size = 4 * (1 + num_dimensions), math.prod(item_shape)
    path, data = _read(path, header_size, item_size)
    magic = bytes((0, 0, _UNSIGNED_BYTE, num_dimensions))
    if data[:4] != magic:
        raise TaskError(
            f"{path}: begins with 0x{data[:4].hex()} instead of 0x{magic.hex()}: not this IDX file"
        )
    if len(data) < header_size:
        raise TaskError(f"{path}: ends within its header, after {len(data)} of {header_size} bytes")
    num_items, *shape = np.frombuffer(data, ">u4", count=num_dimensions, offset=4).tolist()
    if tuple(shape) != item_shape:
        raise TaskError(f"{path}: holds items of {_by(shape)} instead of {_by(item_shape)}")
    expected = header_size + num_items * item_size
    if len(data) != expected:
        raise TaskError(f"{path}: {len(data)} bytes instead of the {expected} of {num_items} items")
    return np.frombuffer(data, np.uint8, offset=header_size).reshape(num_items, *item_shape)


def _read(path: Path, header_size: int, item_size: int) -> tuple[Path, bytes]:
    """Read a file, or the same name with .gz; return its path and bytes.

    At most one byte more than the header states is read: a few packed bytes may unpack into more than fits in
    memory.
    """
    packed = path.with_name(f"{path.name}.gz")
    try:
        source = path if path.exists() else packed
        with path.open("rb") if source is path else gzip.open(packed) as file:
            header = file.read(header_size)
            num_bytes = int.from_bytes(header[4:8], "big") * item_size
            require_room(num_bytes, str(source))
            return source, header + file.read(num_bytes + 1)
    except FileNotFoundError:
        raise TaskError(f"{path}: no such file, nor {packed.name}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TaskError(f"{packed}: not a whole gzip file ({error})") from None
    except OSError as error:
        raise TaskError(f"{path}: cannot be read ({error.strerror})") from None


def _by(shape: tuple[int, ...] | list[int]) -> str:
    return " x ".join(map(str, shape)) or "one byte"
