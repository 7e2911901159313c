"""Calls of the user's code whose failure is one line."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


class BrokenContractError(Exception):
    """Own code breaks the contract so that it cannot be examined any further; the message is one line."""


def build(own: Callable[..., Any], sizes: tuple[int, ...], args: Mapping[str, Any]) -> Any:
    """Call the user's class with sizes and arguments.

    Raises:
        BrokenContractError: It does not take them, or raises.
    """
    name = name_of(own)
    words = ", ".join([*map(str, sizes), *(f"{key}={value!r}" for key, value in args.items())])
    try:
        signature = inspect.signature(own)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        try:
            signature.bind(*sizes, **args)
        except TypeError as error:
            takes = ", ".join(map(str, signature.parameters.values())) or "nothing"
            raise BrokenContractError(f"{name}({words}): {error}; it takes {takes}") from None
    return attempt(f"{name}({words})", own, *sizes, **args)


def attempt(what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function of the user's. Raises BrokenContractError if it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        message = (str(error).strip().splitlines() or ["no message"])[0]
        raise BrokenContractError(f"{what} raises {type(error).__name__}: {message}") from error


def name_of(own: object) -> str:
    """Return the name of a class or function."""
    return getattr(own, "__name__", type(own).__name__)
