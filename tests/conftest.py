"""Shapes and types in the annotations of tensors are checked while the tests run, and only then."""

import torch
from jaxtyping import install_import_hook

install_import_hook(["datasets", "models", "search.trial"], "beartype.beartype")
torch.set_num_threads(1)
