"""The user's own code, named as `FILE.py:NAME`: a network, a task or a training function.

A session reads each file once, with the modules of its folder that it imports, and keeps a copy in the run's
folder. Workers execute that copy, and no other content (`own_import`).
"""

import ast
import errno
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.own_modules import MAX_BYTES, MAX_MODULES, read_source, read_with_modules
from failmap.run_folder.storage import AnyPath, store_of, write_atomically

#: Own code by file as named, in place of what is on this machine.
_copies: ContextVar[Mapping[str, "OwnCode"]] = ContextVar("copies", default=MappingProxyType({}))


class OwnName(NamedTuple):
    """A file of the user's and a name that it defines at its top level."""

    path: Path
    name: str


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


@dataclass(frozen=True)
class OwnCode:
    """A file of the user's and the modules of its folder that it imports, as they were read.

    Attributes:
        file: The file as the user named it.
        path: Its absolute path on the machine where it was read.
        contents: Each file's bytes, by its path relative to the folder, with slashes; the file itself first.
    """

    file: str
    path: Path
    contents: Mapping[str, bytes] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """BLAKE2b of all paths and contents, in hexadecimal digits."""
        digest = blake2b(digest_size=16)
        for name, content in sorted(self.contents.items()):
            for part in (name.encode(), content):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def note(self, names: Sequence[str]) -> OwnCodeNote:
        """Return the provenance of this code, of which trials use some names."""
        revision = _git_revision(self.path.parent)
        return OwnCodeNote(
            self.file, str(self.path), tuple(names), self.digest, tuple(self.contents), revision
        )

    def store(self, folder: AnyPath) -> None:
        """Copy the code into `own_code` of a run's folder, unless it is there. Raises OSError."""
        for name, content in self.contents.items():
            copy = folder / self.digest / name
            if not store_of(copy).exists(copy):
                write_atomically(copy, content)


def is_reference(text: str) -> bool:
    """Return whether a text names own code, right or wrong: a file of Python, alone or with a name."""
    return text.partition(":")[0].endswith(".py")


def find_file(file: str, label: str) -> Path:
    """Return the path of a file that exists. Raises UserError, which begins with the label."""
    path = Path(file)
    if str(path) not in _copies.get() and not path.is_file():
        # A missing folder has no files.
        beside = sorted(found.name for found in path.parent.glob("*.py")) if path.parent.is_dir() else []
        raise UserError(f"{label}: there is no file {path}{nearest(path.name, beside)}")
    return path


def locate_own(reference: str) -> OwnName:
    """Return the file and the name of a reference. Parses the file, and executes nothing.

    Raises:
        UserError: The file is missing or is not Python, or defines no such name.
    """
    file, _, name = reference.rpartition(":") if ":" in reference else (reference, "", "")
    if not file.endswith(".py"):
        raise UserError(f"{reference}: own code is named by file and name, as in my_code.py:Name")
    path = find_file(file, reference)
    names = _top_level_names(path, source_of(file))
    if not name:
        raise UserError(f"{reference}: name what is in it as well, as in {file}:{(names or ['Name'])[0]}")
    if name not in names and "*" not in names:
        raise UserError(f"{reference}: {path.name} defines no {name}{nearest(name, names)}")
    return OwnName(path, name)


def source_of(file: str) -> bytes:
    """Return a file's content, without the modules that it imports. Raises UserError."""
    if (copy := _copies.get().get(str(Path(file)))) is not None:
        return copy.contents[copy.path.name]
    return read_source(Path(file))


def read_own(file: str) -> OwnCode:
    """Return a file with the modules of its folder that it imports; its copy within `copies_used`.

    Raises:
        UserError: One of them cannot be read, or they are too many or too large to be copied.
    """
    if (copy := _copies.get().get(str(Path(file)))) is not None:
        return copy
    path = Path(file).resolve()
    return OwnCode(file, path, read_with_modules(path))


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


@contextmanager
def copies_used(codes: Iterable[OwnCode]) -> Iterator[None]:
    """Take these in place of the files that bear their names, within the block and this thread."""
    token = _copies.set({str(Path(code.file)): code for code in codes})
    try:
        yield
    finally:
        _copies.reset(token)


def _is_inside(module: str) -> bool:
    """Return whether a path is one of Python code below a folder."""
    path = PurePosixPath(module)
    return path.suffix == ".py" and not path.is_absolute() and ".." not in path.parts


def _top_level_names(path: Path, source: bytes) -> list[str]:
    """Return the names that a file defines at its top level, classes and functions first, then imports.

    With `*` if it imports all names of another module. Raises UserError if it is not Python.
    """
    try:
        tree = ast.parse(source, str(path))
    except SyntaxError as error:
        raise UserError(f"{path}: line {error.lineno}: not Python: {error.msg}") from None
    except ValueError as error:
        raise UserError(f"{path}: not Python: {error}") from None
    defined, imported = [], []
    for node in _top_level_statements(tree.body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            defined.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imported += [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            imported += [
                part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
            ]
    return list(dict.fromkeys([*defined, *imported]))


def _top_level_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, with those inside `if`, `try` and `with`."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                for inner in getattr(node, part, []):
                    yield from _top_level_statements(
                        inner.body if isinstance(inner, ast.ExceptHandler) else [inner]
                    )


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
