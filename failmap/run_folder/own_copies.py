"""Copies of the user's own code in a run's folder, by digest, and their notes in its provenance."""

import errno
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import OwnCode
from failmap.run_folder.own_modules import MAX_BYTES, MAX_MODULES
from failmap.run_folder.storage import AnyPath, store_of, write_atomically


@dataclass(frozen=True)
class OwnCodeNote:
    """What provenance keeps of a file of own code, and what workers find its copy by.

    Attributes:
        file: The file as the user named it.
        path: Its absolute path on the machine where it was read.
        names: The classes and functions of it that trials use.
        digest: Of the contents, which is the name of the copy; see `OwnCode.digest`.
        modules: Paths relative to the file's folder: the file, and the modules that it imports from there.
        revision: Git revision of the checkout that holds the file; None if there is none.
    """

    file: str = ""
    path: str = ""
    names: Sequence[str] = ()
    digest: str = ""
    modules: Sequence[str] = ()
    revision: str | None = None


def note_of(code: OwnCode, names: Sequence[str]) -> OwnCodeNote:
    """Return the provenance of own code, of which trials use some names."""
    revision = _git_revision(code.path.parent)
    return OwnCodeNote(code.file, str(code.path), tuple(names), code.digest, tuple(code.contents), revision)


def store_copy(code: OwnCode, folder: AnyPath) -> None:
    """Copy own code into `own_code` of a run's folder, unless it is there. Raises OSError."""
    for name, content in code.contents.items():
        copy = folder / code.digest / name
        if not store_of(copy).exists(copy):
            write_atomically(copy, content)


def read_copy(note: OwnCodeNote, folder: AnyPath) -> OwnCode:
    """Return the code of a note from its copy in `own_code` of a run's folder.

    Raises:
        UserError: The copy is not what the note is about.
        FileNotFoundError: A file of it is missing.
    """
    place = folder / note.digest
    refusal = UserError(f"{place}: is not what was read of {note.file} when the session began")
    if not note.digest:
        raise FileNotFoundError(errno.ENOENT, "no copy of own code", str(folder))
    has_digest = re.fullmatch("[0-9a-f]{32}", note.digest)
    if not has_digest or not 0 < len(note.modules) <= MAX_MODULES or not all(map(_is_inside, note.modules)):
        raise refusal
    paths = {place / module: module for module in note.modules}
    read = store_of(place).read_many(list(paths), MAX_BYTES)
    if missing := paths.keys() - read.keys():
        raise FileNotFoundError(errno.ENOENT, "no such copy of own code", str(min(missing, key=str)))
    contents = {module: read[path] for path, module in paths.items()}
    code = OwnCode(note.file, Path(note.path), contents)
    if code.digest != note.digest or code.path.name != note.modules[0]:
        raise refusal
    return code


def _is_inside(module: str) -> bool:
    """Return whether a path is one of Python code below a folder."""
    path = PurePosixPath(module)
    return path.suffix == ".py" and not path.is_absolute() and ".." not in path.parts


def _git_revision(folder: Path) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
