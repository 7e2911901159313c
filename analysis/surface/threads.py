"""One thread for the linear algebra of surfaces."""

from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from typing import Any

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS uses one thread.

    The matrices are small, every core is busy with trials, and sums in another order would make other last
    digits on another machine.
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    # It finds only libraries that are loaded already.
    import_module("scipy.linalg")
    return ThreadpoolController()
