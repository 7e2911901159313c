"""Skips for precisions that this machine does not support."""

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
