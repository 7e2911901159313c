"""Execution of the user's own code, once in each process, in the driver as in workers."""

import linecache
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import decode_source, module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.own_code import OwnCode, locate_own, read_own

#: The modules that this process has executed, by path and digest: trials of one worker share their globals.
_loaded: dict[tuple[Path, str], ModuleType] = {}
_lock = threading.RLock()
_num_importing = 0


def load_own(reference: str) -> object:
    """Return the object that a reference names; its file is executed once per process and content.

    Raises:
        UserError: As `locate_own` and `module_of`.
    """
    path, name = locate_own(reference)
    module = module_of(read_own(str(path)))
    if not hasattr(module, name):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise UserError(f"{reference}: {path.name} defines no {name}{nearest(name, names)}")
    found: object = getattr(module, name)
    return found


def module_of(code: OwnCode) -> ModuleType:
    """Return the module of own code, and execute it if this process has not yet.

    The modules that were read with it are imported as they were read, wherever their folder is. Others are
    found in the folder, if this machine has it: it comes first on `sys.path` while the file is executed, as
    for a script, and last from then on, so that it shadows nothing that is installed.

    Raises:
        UserError: Executing the file raises an exception.
    """
    with _lock:
        if (module := _loaded.get((code.path, code.digest))) is not None:
            return module
        finder = _Finder(code)
        _displace(finder)
        spec = spec_from_loader(_module_name(code), _Loader(code.path, code.contents[code.path.name]))
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        # Dataclasses, pickles and forked data loaders look their module up by name.
        sys.modules[spec.name] = module
        try:
            with importing(), _found_first(finder):
                spec.loader.exec_module(module)
        except BaseException as error:
            # Also SystemExit, with which scripts end that parse arguments.
            sys.modules.pop(spec.name, None)
            if isinstance(error, KeyboardInterrupt):
                raise
            raise UserError(*_problems(error, code)) from error
        _loaded[code.path, code.digest] = module
        return module


def refuse_while_importing() -> None:
    """Raise UserError if own code is being imported, which would start the run within itself."""
    if _num_importing:
        raise UserError(
            "failmap.run is called when the file is imported: put it below if __name__ == '__main__':"
        )


@contextmanager
def importing() -> Iterator[None]:
    """Refuse runs within the block."""
    global _num_importing
    _num_importing += 1
    try:
        yield
    finally:
        _num_importing -= 1


def line_of(error: BaseException, path: Path | None) -> int | None:
    """Return the last line of the user's file that an error went through; None if it is not known."""
    file = None if path is None else str(path.resolve())
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class _Loader(SourceLoader):
    """Executes a file's content under the file's path, wherever it is."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self.content = content

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: str) -> bytes:
        return self.content

    def exec_module(self, module: ModuleType) -> None:
        text, path = decode_source(self.content), str(self.path)
        # Tracebacks show the executed lines, also where the file has been edited or is missing.
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules that were read with a file of own code.

    Attributes:
        code: The code.
        modules: Contents by path relative to the folder, without the file itself.
    """

    def __init__(self, code: OwnCode) -> None:
        self.code = code
        self.modules = {file: text for file, text in code.contents.items() if file != code.path.name}
        self._folder = code.path.parent
        self._packages = {str(place) for file in self.modules for place in Path(file).parents} - {"."}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        place = fullname.replace(".", "/")
        for file in (f"{place}/__init__.py", f"{place}.py"):
            if file in self.modules:
                return spec_from_loader(fullname, _Loader(self._folder / file, self.modules[file]))
        if place in self._packages:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(self._folder / place)]
            return spec
        return None

    def has_found(self, module: ModuleType) -> bool:
        """Return whether a module is the file, one of its modules, or a folder of such modules."""
        spec = getattr(module, "__spec__", None)
        if isinstance(loader := getattr(spec, "loader", None), _Loader):
            own = {self._folder / file: content for file, content in self.code.contents.items()}
            return own.get(loader.path) == loader.content
        folders = {str(self._folder / package) for package in self._packages}
        return not folders.isdisjoint(getattr(spec, "submodule_search_locations", None) or ())


def _displace(finder: _Finder) -> None:
    """Forget earlier code of the same file, and code whose modules have the names of new ones, but differ."""
    for other in [one for one in sys.meta_path if isinstance(one, _Finder)]:
        shared = other.modules.keys() & finder.modules.keys()
        is_other = any(other.modules[file] != finder.modules[file] for file in shared)
        if is_other or other.code.path == finder.code.path:
            sys.meta_path.remove(other)
            _loaded.pop((other.code.path, other.code.digest), None)
            for name, module in list(sys.modules.items()):
                if other.has_found(module):
                    del sys.modules[name]


def _module_name(code: OwnCode) -> str:
    """Return the name of a file's module: the file's, unless it is that of another module."""
    name = code.path.stem
    is_free = name.isidentifier() and name not in sys.modules and name not in sys.stdlib_module_names
    if is_free and ((found := PathFinder.find_spec(name)) is None or found.origin == str(code.path)):
        return name
    return f"failmap_own_{name}_{code.digest[:12]}"


@contextmanager
def _found_first(finder: _Finder) -> Iterator[None]:
    """Let the finder's modules be found first from now on, and its folder first within the block."""
    sys.meta_path.insert(0, finder)
    folder = str(finder.code.path.parent)
    was_there = folder in sys.path
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if not was_there and Path(folder).is_dir():
            sys.path.append(folder)


def _problems(error: BaseException, code: OwnCode) -> list[str]:
    """Return the lines about an error while a file was executed."""
    if isinstance(error, UserError):
        return [f"{code.path.name}: {problem}" for problem in error.problems]
    line = line_of(error, code.path)
    where = "" if line is None else f"line {line}: "
    text = (str(error).strip().splitlines() or [""])[0]
    told = f"{type(error).__name__}: {text}".rstrip(": ")
    return [f"{code.path.name}: {where}{told}, while it was imported"]
