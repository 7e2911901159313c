"""Reading of the gradients that an optimizer's step is about to use."""

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle


def before_update(optimizer: Optimizer, read: Callable[[Optimizer], None]) -> RemovableHandle:
    """Call `read(optimizer)` in each step when gradients are final and weights have not changed yet.

    Without a closure this is when the step begins. A closure computes the gradients within the step: those
    that are there when it begins are the last step's, so `read` is called after the closure's first
    call. PyTorch Lightning gives every backward pass and its clipping to the optimizer as a closure.

    Args:
        optimizer: Of torch, without a wrapper.
        read: Must not raise, nor change anything.
    """

    def at_start(optimizer: Optimizer, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        # The first argument is the optimizer itself.
        place = next((index for index, one in enumerate(args) if index and callable(one)), None)
        if place is not None:
            closure = _read_after(args[place], lambda: read(optimizer))
            return (*args[:place], closure, *args[place + 1 :]), kwargs
        for name, value in kwargs.items():
            if callable(value):
                return args, {**kwargs, name: _read_after(value, lambda: read(optimizer))}
        read(optimizer)
        return None

    return optimizer.register_step_pre_hook(at_start)


def _read_after(closure: Callable[..., Any], read: Callable[[], None]) -> Callable[..., Any]:
    """Return the closure, which now calls `read` after its first call."""
    is_read = False

    def with_reading(*args: Any, **kwargs: Any) -> Any:
        nonlocal is_read
        result = closure(*args, **kwargs)
        if not is_read:
            is_read = True
            read()
        return result

    return with_reading
