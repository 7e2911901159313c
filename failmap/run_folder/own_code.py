"""The user's own code, named as `FILE.py:NAME`: a network, a task or a training function.

A session reads each file once, with the modules of its folder that it imports, and keeps a copy in the run's
folder (`own_copies`). Workers execute that copy, and no other content (`own_import`).
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.own_modules import read_source, read_with_modules

#: Own code by file as named, in place of what is on this machine.
_copies: ContextVar[Mapping[str, "OwnCode"]] = ContextVar("copies", default=MappingProxyType({}))


class OwnName(NamedTuple):
    """A file of the user's and a name that it defines at its top level."""

    path: Path
    name: str


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


@contextmanager
def copies_used(codes: Iterable[OwnCode]) -> Iterator[None]:
    """Take these in place of the files that bear their names, within the block and this thread."""
    token = _copies.set({str(Path(code.file)): code for code in codes})
    try:
        yield
    finally:
        _copies.reset(token)


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
