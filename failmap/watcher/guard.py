"""Hooks that never raise into somebody's training."""

from collections.abc import Callable
from typing import Any


class Guard:
    """Wraps hooks and keeps the first error that one of them raises."""

    def __init__(self) -> None:
        self._error: Exception | None = None

    def __call__(self, hook: Callable[..., None]) -> Callable[..., None]:
        """Return the hook, which now keeps its errors from its caller."""

        def guarded(*args: Any, **kwargs: Any) -> None:
            try:
                hook(*args, **kwargs)
            except Exception as error:
                self._error = self._error or error

        return guarded

    def raise_error(self) -> None:
        """Raise the first error, if there was one, and forget it."""
        error, self._error = self._error, None
        if error is not None:
            raise error
