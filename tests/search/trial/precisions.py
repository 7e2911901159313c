"""Skips for precisions that this machine does not support."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch

from failmap.search.trial.precision import PrecisionError, check_precision

CPU = torch.device("cpu")


def has(precision: Any, device: torch.device = CPU) -> bool:
    try:
        check_precision(precision, device)
    except PrecisionError:
        return False
    return True


bf16_here = pytest.mark.skipif(not has("bf16"), reason="torch runs no LSTM in bf16 on this CPU")


def with_bf16(names: Iterable[str], *in_bf16: str) -> list[Any]:
    """Return names of cases as parameters; those in bf16 are skipped where it is not supported."""
    return [pytest.param(name, marks=bf16_here) if name in in_bf16 else name for name in names]
