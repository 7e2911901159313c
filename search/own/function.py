"""The user's training function: where it is, and its import in the driver and in workers."""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.own_code import OwnCode, find_file, read_own
from failmap.run_folder.own_import import importing, module_of
from failmap.search.own.config import OwnFunction

TrainFunction = Callable[[dict[str, Any], Any], Any]

_WANTED = "train=my_train.py:train or train=package.module:train"


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
    path = find_file(where, f"train={text}")
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


def load_function(own: OwnFunction, code: OwnCode | None = None) -> TrainFunction:
    """Import the function and return it; its file is executed once per process and content.

    Args:
        own: The function.
        code: What a worker executes: its file as the driver has read it. None: the file as it is now.

    Raises:
        UserError: The file cannot be read or raises, or there is no such function; one line.
    """
    path = source_path(own)
    try:
        if path is None:
            module = _import(own.function.rpartition(":")[0])
        else:
            module = module_of(read_own(str(path)) if code is None else code)
    except UserError as error:
        raise UserError(*(f"train={own.function}: {problem}" for problem in error.problems)) from error
    return _function_of(module, own.function)


def check_function(own: OwnFunction) -> TrainFunction:
    """Import the function in this process, check that it takes (config, trial), and return it.

    Raises:
        UserError: As `load_function`; or it takes other arguments; one line.
    """
    function = load_function(own)
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


def _import(name: str) -> ModuleType:
    """Import an installed module, or one below the current folder."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with importing():
            return import_module(name)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        text = (str(error).strip().splitlines() or [""])[0]
        raise UserError(f"cannot be imported: {type(error).__name__}: {text}") from error


def _function_of(module: ModuleType, label: str) -> TrainFunction:
    name = label.rpartition(":")[2]
    function = getattr(module, name, None)
    if function is None:
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise UserError(f"train={label}: has no function {name}{nearest(name, known)}")
    if not callable(function):
        raise UserError(f"train={label}: is no function, but of type {type(function).__name__}")
    return function  # type: ignore[no-any-return]
