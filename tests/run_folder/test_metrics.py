"""Metrics by name: the same direction as in the tasks that state them."""

from typing import get_args

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.config.base import ClassMetric
from failmap.run_folder.metrics import is_larger_better


def test_directions_agree_with_those_of_tasks() -> None:
    for metric in get_args(ClassMetric):
        config = ArrayFileConfig(metric=metric)
        assert config.is_larger_better
        assert is_larger_better(config.metric_name)
    error = ArrayFileConfig(target="regression")
    assert not error.is_larger_better
    assert not is_larger_better(error.metric_name)
