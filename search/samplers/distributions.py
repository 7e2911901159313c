"""An axis as Optuna knows it."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from failmap.search.space import Axis, Space


def distribution(axis: Axis) -> BaseDistribution:
    """Its range, or its values; a joint choice by its labels, which are all that Optuna can store."""
    if axis.values is not None:
        return CategoricalDistribution([axis.label(value) for value in axis.values])
    assert axis.low is not None
    assert axis.high is not None
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def distributions(space: Space, labels: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Those of the axes that these labels stand on."""
    return {path: distribution(space.axis(path)) for path in labels}
