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
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if path is not None and trace.tb_frame.f_code.co_filename == str(path):
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
    """Finds the modules that were read with a file of own code."""

    def __init__(self, code: OwnCode) -> None:
        self.code = code
        self.folder = code.path.parent

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        contents, place = self.code.contents, fullname.replace(".", "/")
        for file in (f"{place}/__init__.py", f"{place}.py"):
            if file in contents:
                return spec_from_loader(fullname, _Loader(self.folder / file, contents[file]))
        if any(file.startswith(f"{place}/") for file in contents):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(self.folder / place)]
            return spec
        return None

    def has_found(self, module: ModuleType) -> bool:
        """Return whether a module is one of this code, or a folder of such modules."""
        spec = getattr(module, "__spec__", None)
        if isinstance(loader := getattr(spec, "loader", None), _Loader):
            own = {self.folder / file: content for file, content in self.code.contents.items()}
            return own.get(loader.path) == loader.content
        folders = {str(self.folder / place) for file in self.code.contents for place in Path(file).parents}
        return not folders.isdisjoint(getattr(spec, "submodule_search_locations", None) or ())

    @property
    def modules(self) -> dict[str, tuple[Path, bytes]]:
        """The modules beside the file."""
        files = list(self.code.contents.items())[1:]
        return {file: (self.folder / file, content) for file, content in files}


def _displace(finder: _Finder) -> None:
    """Forget modules of earlier code that bear the names of new ones and are others, such as edited ones."""
    for other in [one for one in sys.meta_path if isinstance(one, _Finder)]:
        shared = other.modules.keys() & finder.modules.keys()
        if other.code.path == finder.code.path or any(
            other.modules[file] != finder.modules[file] for file in shared
        ):
            sys.meta_path.remove(other)
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
    folder = str(finder.folder)
    was_there = folder in sys.path
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if not was_there and finder.folder.is_dir():
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
