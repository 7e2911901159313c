"""Resources that this machine lacks are refused before a run has a folder."""

from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from failmap.run_folder.errors import UserError
from failmap.search.commands.table import COMMANDS
from failmap.search.config import Cluster
from failmap.search.machine import check_resources, num_cpus


@pytest.mark.parametrize(
    "settings",
    [
        {"cpus_per_trial": num_cpus() + 1},
        {"gpus_per_trial": torch.cuda.device_count() + 1},
        {"memory_per_trial": psutil.virtual_memory().total / 2**30 + 1},
        {"resources_per_trial": {"fpga": 1}},
    ],
)
def test_more_than_there_is(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError) as error:
        check_resources(Cluster.model_validate(settings))
    (problem,) = error.value.problems
    assert problem.startswith(f"cluster.{next(iter(settings))}=")
    check_resources(Cluster.model_validate({**settings, "address": "10.0.0.1:6379"}))


@pytest.mark.parametrize(
    "settings",
    [{}, {"cpus_per_trial": num_cpus()}, {"cpus": 64, "cpus_per_trial": 64}, {"memory_per_trial": 0.1}],
)
def test_as_much_as_there_is(settings: dict[str, Any]) -> None:
    check_resources(Cluster.model_validate(settings))


@pytest.mark.parametrize("plan", [[], ["plan=true"]])
def test_no_folder_is_left(plan: list[str], tmp_path: Path) -> None:
    arguments = ["space=smoke", f"storage={tmp_path}", f"cluster.cpus_per_trial={num_cpus() + 1}", *plan]
    with pytest.raises(UserError, match=r"^cluster\.cpus_per_trial="):
        COMMANDS["run"].run(arguments)
    assert not list(tmp_path.iterdir())
