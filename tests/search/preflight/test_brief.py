"""The short preflight before a run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from failmap.datasets import build_task
from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.loading import load
from failmap.search.preflight.run import BRIEF_CHECKS, brief_preflight, check_command


def test_sound_run_gives_one_line(make_config: Callable[..., RunConfig]) -> None:
    config = make_config(lengths=[20, 30])
    assert brief_preflight(config, "more") == [f"preflight: {len(BRIEF_CHECKS)} checks passed"]


def test_problems_are_listed_with_the_full_command() -> None:
    config = load(["space=supervision", "output.activation=sigmoid", "task.sequence_length=20,30"])
    *bad, last = brief_preflight(config, "python -m search.check")
    assert any("output floor" in line and line.startswith("preflight fail") for line in bad)
    assert last.endswith("python -m search.check")


def test_each_note_has_its_line(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "few.npz",
        inputs=np.random.RandomState(0).normal(size=(300, 5, 2)),
        targets=np.arange(300) % 2,
    )
    config = load(
        ["task=array_file", f"task.path={tmp_path / 'few.npz'}", "model.depth=1", "model.hidden_size=4"]
    )
    (notes,) = (
        line for line in brief_preflight(config, "more") if line.startswith("preflight warn: data notes: ")
    )
    told = notes.removeprefix("preflight warn: data notes: ").split("\n  ")
    assert (
        tuple(told[:-1])
        == build_task(config.space.trial_config(next(config.space.cells()), {}, 0).task).notes
    )


def test_torch_state_is_restored(make_config: Callable[..., RunConfig]) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state(), torch.get_num_threads()
    brief_preflight(make_config(), "more")
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.get_num_threads() == before[1]
    assert (torch.tensor(1e-38) / 1e3).item() > 0, "denormal numbers are not flushed"


def test_trial_that_cannot_be_built_is_an_error(
    make_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no such part")

    monkeypatch.setattr("failmap.search.trial.training.build_model", refuse)
    with pytest.raises(UserError, match=r"adding of 5 steps, .*: cannot be built: no such part"):
        brief_preflight(make_config(), "more")


def test_full_command_names_the_space() -> None:
    assert check_command(["model.depth=1,2"]) == "python -m search.check space=lstm_depth model.depth=1,2"
    assert check_command(["space=smoke"]) == "python -m search.check space=smoke"
    assert check_command(["space=smoke", "plan=true"]) == "python -m search.check space=smoke"
    assert check_command(["task=array_file"]) == "python -m search.check space=my_data task=array_file"
