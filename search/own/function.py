"""The user's training function: where it is, its source, and its import in the driver and in workers."""

import inspect
import linecache
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of, write_atomically
from failmap.search.own.config import OwnFunction

TrainFunction = Callable[[dict[str, Any], Any], Any]

#: The largest file of a function, in bytes.
MAX_SOURCE_BYTES = 2_000_000
_WANTED = "train=my_train.py:train or train=package.module:train"
#: Modules that this process has executed, by path and digest: trials of one worker share their globals.
_loaded: dict[tuple[str, str], ModuleType] = {}
_num_loading = 0


@dataclass(frozen=True)
class OwnCode:
    """The file of a function, as the driver of a session has read it.

    Attributes:
        path: The file's absolute path on the driver's machine.
        digest: BLAKE2b of its content. A worker executes no other content.
    """

    path: str
    digest: str


def parse_function(text: str) -> tuple[str, str | None]:
    """Return the function as `FILE.py:NAME` or `MODULE:NAME`, and the absolute folder of a file.

    Raises:
        UserError: It is neither, or there is no such file; one line.
    """
    where, colon, name = text.rpartition(":")
    if not colon or not where or not name.isidentifier():
        raise UserError(f"train={text}: must be a file and a function, as in {_WANTED}")
    if not where.endswith(".py"):
        if not all(part.isidentifier() for part in where.split(".")):
            raise UserError(f"train={text}: must be a file that ends in .py, or a module, as in {_WANTED}")
        return f"{where}:{name}", None
    path = Path(where)
    if not path.is_file():
        siblings = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        hint = nearest(path.name, siblings)
        raise UserError(f"train={text}: no such file{hint if hint.startswith('; did') else ''}")
    return f"{path.name}:{name}", str(path.parent.resolve())


def location_of(function: Any) -> str:
    """Return where workers find a function, as `/path/my_train.py:train`.

    Raises:
        UserError: It is not at the top level of a file, so that no worker could import it.
    """
    name = getattr(function, "__qualname__", type(function).__qualname__)
    try:
        path = inspect.getsourcefile(function)
    except TypeError:
        path = None
    if path is None or not Path(path).is_file() or not name.isidentifier():
        raise UserError(f"{name}: workers import the function: define it with def at the top level of a file")
    return f"{Path(path).resolve()}:{name}"


def source_path(own: OwnFunction) -> Path | None:
    """Return the path of the function's file; None for a module."""
    if own.folder is None:
        return None
    return Path(own.folder) / own.function.rpartition(":")[0]


def store_code(own: OwnFunction, run: RunFolder) -> OwnCode | None:
    """Copy the function's file into the run's folder, which every worker sees; None for a module.

    Raises:
        UserError: The file cannot be read, or is too large.
    """
    path = source_path(own)
    if path is None:
        return None
    content = _read(path)
    digest = blake2b(content, digest_size=16).hexdigest()
    copy = run.own_code / f"{digest}.py"
    if not store_of(copy).exists(copy):
        write_atomically(copy, content)
    return OwnCode(str(path), digest)


def load_function(own: OwnFunction, run: RunFolder, code: OwnCode | None) -> TrainFunction:
    """Return the function in a worker.

    A file is executed from the run's copy once per process, under its own path, if its content is what the
    driver has read. Modules beside it are found where its folder exists.

    Raises:
        UserError: The copy is not what the driver has read, or there is no such function.
        Exception: Whatever the file raises.
    """
    where, _, name = own.function.rpartition(":")
    content = b""
    if code is not None:
        copy = run.own_code / f"{code.digest}.py"
        content = store_of(copy).read(copy, MAX_SOURCE_BYTES)
        if blake2b(content, digest_size=16).hexdigest() != code.digest:
            raise UserError(f"{copy}: is not the content of {code.path} at the session's start")
    try:
        module = _import(where) if code is None else _execute(content, Path(code.path), code.digest)
    except OSError as error:
        # A worker takes an OSError for its storage's.
        raise UserError(f"{own.function} cannot be imported: {type(error).__name__}: {error}") from None
    return _function_of(module, own.function, name)


def check_function(own: OwnFunction) -> TrainFunction:
    """Import the function in this process, check that it takes (config, trial), and return it.

    Raises:
        UserError: The file raises, there is no such function, or it takes other arguments; one line.
    """
    where, _, name = own.function.rpartition(":")
    path = source_path(own)
    try:
        if path is None:
            module = _import(where)
        else:
            content = _read(path)
            module = _execute(content, path, blake2b(content, digest_size=16).hexdigest())
    except UserError as error:
        raise UserError(*(f"train={own.function}: {problem}" for problem in error.problems)) from None
    except (Exception, SystemExit) as error:
        text = (str(error).strip().splitlines() or [""])[0]
        raise UserError(
            f"train={own.function}: cannot be imported: {type(error).__name__}: {text}{_line(error, path)}"
        ) from None
    function = _function_of(module, own.function, name)
    check_signature(function, own.function)
    return function


def check_signature(function: Any, label: str) -> None:
    """Raise UserError unless a function is called as train(config, trial)."""
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise UserError(
            f"train={label}: must be a plain function: it reports by trial.report(...), and yields nothing"
        )
    try:
        inspect.signature(function).bind({}, None)
    except TypeError:
        signature = inspect.signature(function)
        raise UserError(f"train={label}: takes {signature}, and is called as train(config, trial)") from None
    except ValueError:
        return  # No signature to be had, as of some compiled functions.


def refuse_while_importing() -> None:
    """Raise UserError if a function's file is being imported, which would start the run within itself."""
    if _num_loading:
        raise UserError(
            "failmap.run is called when the file is imported: put it below if __name__ == '__main__':"
        )


@contextmanager
def _importing() -> Iterator[None]:
    global _num_loading
    _num_loading += 1
    try:
        yield
    finally:
        _num_loading -= 1


def revision_of(path: Path) -> str | None:
    """Return the git revision of a file's repository, or None if it is in none or git is missing."""
    with suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(
            ["git", "-C", str(path.parent), "rev-parse", "--verify", "--quiet", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return found.stdout.strip() or None
    return None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_SOURCE_BYTES:
            raise UserError(f"{path}: is larger than {MAX_SOURCE_BYTES / 1e6:g} MB, and must be Python code")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


def _import(name: str) -> ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with _importing():
        return import_module(name)


def _execute(content: bytes, path: Path, digest: str) -> ModuleType:
    """Execute a file's content as the module of its name, once per process."""
    key = (str(path), digest)
    if key in _loaded:
        return _loaded[key]
    if path.parent.is_dir() and str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    text = content.decode("utf-8")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    # Tracebacks show the executed lines, wherever the file is.
    linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
    # Dataclasses, pickles and forked data loaders look their module up by name. What is imported stays.
    sys.modules.setdefault(path.stem, module)
    with _importing():
        exec(compile(content, str(path), "exec"), module.__dict__)
    _loaded[key] = module
    return module


def _function_of(module: ModuleType, label: str, name: str) -> TrainFunction:
    function = getattr(module, name, None)
    if function is None:
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise UserError(f"train={label}: has no function {name}{nearest(name, known)}")
    if not callable(function):
        raise UserError(f"train={label}: is no function, but of type {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def line_of(error: BaseException, path: Path | None) -> int | None:
    """Return the last line of the user's file that an error went through; None if it is not known."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if path is not None and trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _line(error: BaseException, path: Path | None) -> str:
    line = line_of(error, path)
    return "" if line is None else f" (line {line})"
