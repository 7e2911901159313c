"""The user's own code, named as `FILE.py:NAME`: a network, a task or a training function."""

import ast
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypedDict

from failmap.run_folder.errors import UserError, nearest

#: The modules that this process has executed, by file, with the digest of what was executed.
_loaded: dict[Path, tuple[str, ModuleType]] = {}
_lock = threading.RLock()


class OwnCode(NamedTuple):
    """A file of the user's and a name that it defines at its top level."""

    path: Path
    name: str


class OwnCodeNote(TypedDict):
    """What provenance keeps of own code.

    Attributes:
        file: The file as the user named it.
        name: The class or function.
        sha256: Digest of the file's contents.
        revision: Git revision of the checkout that holds the file; None if there is none.
    """

    file: str
    name: str
    sha256: str
    revision: str | None


def is_reference(text: str) -> bool:
    """Return whether a text names own code, right or wrong: a file of Python, alone or with a name."""
    return text.partition(":")[0].endswith(".py")


def locate_own(reference: str) -> OwnCode:
    """Return the file and the name of a reference. Parses the file, and executes nothing.

    Raises:
        UserError: The file is missing or is not Python, or defines no such name.
    """
    file, _, name = reference.rpartition(":") if ":" in reference else (reference, "", "")
    path = Path(file)
    if path.suffix != ".py":
        raise UserError(f"{reference}: own code is named by file and name, as in my_code.py:Name")
    if not path.is_file():
        raise UserError(f"{reference}: there is no file {path}{_hint(path.name, _files_beside(path))}")
    names = _top_level_names(path, path.read_bytes())
    if not name:
        raise UserError(f"{reference}: name what is in it as well, as in {file}:{(names or ['Name'])[0]}")
    if name not in names and "*" not in names:
        raise UserError(f"{reference}: {path.name} defines no {name}{_hint(name, names)}")
    return OwnCode(path, name)


def load_own(reference: str) -> object:
    """Return the object that a reference names; its file is executed once per process and content.

    While the file is executed its folder comes first on `sys.path`, as for a script, and last from then on:
    modules beside it are found, and shadow nothing that is installed. Objects cannot be pickled by name:
    pass the reference to other processes, which load their own copy.

    Raises:
        UserError: As `locate_own`; or executing the file raises an exception.
    """
    located = locate_own(reference)
    module = _module_of(located.path, reference)
    if not hasattr(module, located.name):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise UserError(
            f"{reference}: {located.path.name} defines no {located.name}{_hint(located.name, names)}"
        )
    found: object = getattr(module, located.name)
    return found


def describe_own(reference: str) -> OwnCodeNote:
    """Return the provenance of own code, without executing it. Raises UserError as `locate_own`."""
    path, name = locate_own(reference)
    return OwnCodeNote(
        file=str(path),
        name=name,
        sha256=sha256(path.read_bytes()).hexdigest(),
        revision=_git_revision(path.resolve().parent),
    )


def _module_of(path: Path, reference: str) -> ModuleType:
    """Return the file's module, and execute it if this process has not yet."""
    path = path.resolve()
    with _lock:
        source = path.read_bytes()
        digest = sha256(source).hexdigest()
        if path in _loaded and _loaded[path][0] == digest:
            return _loaded[path][1]
        # The digest keeps apart files of one name, and a file before and after an edit.
        module = ModuleType(f"failmap_own_{path.stem}_{digest[:12]}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module
        try:
            with _folder_on_path(path.parent):
                exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
        except KeyboardInterrupt:
            del sys.modules[module.__name__]
            raise
        except BaseException as error:
            # Also SystemExit, with which scripts end that parse arguments.
            del sys.modules[module.__name__]
            message = f"{type(error).__name__}: {error}".rstrip(": ")
            raise UserError(f"{reference}: {_where(error, path)}{message}, while it was imported") from error
        _loaded[path] = digest, module
        return module


@contextmanager
def _folder_on_path(folder: Path) -> Iterator[None]:
    """Put a folder first on the path within the block, and last after it."""
    text = str(folder)
    was_there = text in sys.path
    sys.path.insert(0, text)
    try:
        yield
    finally:
        sys.path.remove(text)
        if not was_there:
            sys.path.append(text)


def _where(error: BaseException, path: Path) -> str:
    """Return the last line of the user's file that an exception passed through, as 'line 7: '."""
    line, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(path):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return "" if line is None else f"line {line}: "


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
        for field in ("body", "orelse", "finalbody", "handlers"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                for inner in getattr(node, field, []):
                    yield from _top_level_statements(
                        inner.body if isinstance(inner, ast.ExceptHandler) else [inner]
                    )


def _hint(name: str, known: list[str]) -> str:
    return nearest(name, [one for one in known if one != "*"])


def _files_beside(path: Path) -> list[str]:
    """Return the files of Python in a path's folder; none if there is no such folder."""
    return sorted(found.name for found in path.parent.glob("*.py")) if path.parent.is_dir() else []


def _git_revision(folder: Path) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
