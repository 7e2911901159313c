"""Shapes and types in the annotations of tensors are checked while the tests run, and only then."""

from collections.abc import Iterator

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook(["datasets", "models", "search.trial"], "beartype.beartype")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _denormals_as_others_have_them() -> Iterator[None]:
    """A training flushes them for its thread; hypothesis draws its floats in the same one."""
    yield
    torch.set_flush_denormal(False)
