"""How files of a run folder are written and mended, so that a crash at any moment leaves whole ones."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: str | bytes, *, survives_power_loss: bool = True) -> None:
    """Writes a whole file, or leaves the old one as it was. Its folder is made where it is missing.

    Args:
        path: the file.
        content: text is written as UTF-8.
        survives_power_loss: waits for the disk. Without it the write survives the death of every process,
            but not of the machine, and costs a twentieth.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if survives_power_loss:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def cut_torn_line(path: Path) -> int:
    """Cuts an appended file back to its last newline. Returns how many bytes were cut, 0 where none."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole == len(data):
        return 0
    with path.open("r+b") as file:
        file.truncate(whole)
        file.flush()
        os.fsync(file.fileno())
    return len(data) - whole
