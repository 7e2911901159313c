"""A precision that this machine lacks is refused before a run begins."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.input_checks import check_device

on_a_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")


@pytest.fixture
def config(make_config: Callable[..., RunConfig]) -> Callable[..., RunConfig]:
    """A run whose precisions are fixed, on an axis, or inside a joint choice."""

    def make(*, base: dict[str, Any] | None = None, axis: Any = None, **words: Any) -> RunConfig:
        run = make_config(**words)
        values = run.space.model_dump()
        values["base"]["train"] = base or {}
        values["axes"] = [*values["axes"], *([] if axis is None else [axis])]
        return RunConfig.model_validate({**run.model_dump(), "space": values})

    return make


def test_fp32_is_never_refused(config: Callable[..., RunConfig]) -> None:
    check_device(config())


@on_a_cpu
@pytest.mark.parametrize(
    "space",
    [
        {"base": {"precision": "tf32"}},
        {"axis": {"path": "train.precision", "values": ["fp32", "tf32"]}},
        {"axis": {"path": "train", "values": [{"schedule": "constant"}, {"precision": "tf32"}]}},
    ],
)
def test_a_missing_precision_is_refused_in_one_line(
    config: Callable[..., RunConfig], space: dict[str, Any]
) -> None:
    with pytest.raises(UserError) as caught:
        check_device(config(**space))
    (line,) = str(caught.value).splitlines()
    assert line.startswith("train.precision=tf32: needs an NVIDIA GPU")


def test_machines_of_a_cluster_judge_for_themselves(config: Callable[..., RunConfig]) -> None:
    check_device(config(base={"precision": "tf32"}, cluster={"address": "10.0.0.1:6379"}))
