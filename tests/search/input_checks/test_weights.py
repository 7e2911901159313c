"""What trials begin with is looked at before anything starts, and all that is missing is reported at once."""

from pathlib import Path

import pytest
import torch

from failmap.models import build_model
from failmap.models.config import LSTMConfig
from failmap.models.network import Interface
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.check import check
from failmap.search.commands.running import run
from failmap.search.config import RunConfig
from failmap.search.input_checks import check_weights
from failmap.search.loading import load
from failmap.search.trial.checkpoint import save_weights


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Trial 2 of run `shallow` kept the weights of an LSTM of 4 units on 2 features; trial 3 kept none."""
    folder = RunFolder(tmp_path / "shallow")
    for number in (2, 3):
        folder.trial(number).path.mkdir(parents=True)
    stored = build_model(LSTMConfig(hidden_size=4), Interface(2, 1, num_steps=5))
    save_weights(stored.state_dict(), folder.trial(2).path)
    return tmp_path


def config_of(storage: Path, *words: str) -> RunConfig:
    """A search over depth on the adding problem, which has 2 features."""
    own = ["space=lstm_depth", "task.sequence_length=5", f"storage={storage}"]
    return load([*own, *([] if "model.hidden_size" in " ".join(words) else ["model.hidden_size=4"]), *words])


def problems_of(config: RunConfig) -> tuple[str, ...]:
    with pytest.raises(UserError) as refusal:
        check_weights(config)
    return refusal.value.problems


def test_layers_that_fit_pass(storage: Path) -> None:
    check_weights(config_of(storage, "model.start_from=shallow/2"))
    check_weights(config_of(storage, "model.start_from=shallow/2", "model.frozen_layers=0,1"))
    check_weights(config_of(storage, "model.start_from=shallow/2", "model.depth=3", "model.widths=4-9-9"))


def test_a_run_that_starts_from_nothing_passes(storage: Path) -> None:
    check_weights(config_of(storage))
    check_weights(config_of(storage, "model.start_from=none,shallow/2"))


def test_what_every_cell_would_stumble_over_is_told_once(storage: Path) -> None:
    (problem,) = problems_of(config_of(storage, "model.start_from=shalow/2"))
    assert problem.startswith("model.start_from=shalow/2: no run shalow in ")
    assert problem.endswith("did you mean shallow?")


def test_each_value_of_an_axis_is_looked_at(storage: Path) -> None:
    config = config_of(storage, "model.start_from=none,shallow/2,shallow/3,shallow/4,deep/0")
    assert [problem.partition(": ")[2].partition(";")[0] for problem in problems_of(config)] == [
        "trial 3 kept no weights",
        "trial 4 is not there",
        f"no run deep in {storage}",
    ]


def test_only_the_widths_that_do_not_fit_are_told(storage: Path) -> None:
    (problem,) = problems_of(
        config_of(storage, "model.start_from=shallow/2", "model.hidden_size=4,5", "model.depth=1,2")
    )
    assert problem.startswith("model.start_from=shallow/2: no lower layer fits: layers.0 is ")
    assert "weight_ih_l0 20x2" in problem
    assert "weight_ih_l0 16x2" in problem


def test_a_task_with_other_features_does_not_fit(storage: Path) -> None:
    (problem,) = problems_of(config_of(storage, "task=parity", "model.start_from=shallow/2"))
    assert "weight_ih_l0 16x1" in problem


def test_weights_that_cannot_be_read_are_told(storage: Path) -> None:
    (storage / "shallow" / "trials" / "2" / "weights.safetensors").write_bytes(b"torn")
    (problem,) = problems_of(config_of(storage, "model.start_from=shallow/2"))
    assert "cannot be read" in problem


def test_looking_draws_nothing_at_random(storage: Path) -> None:
    before = torch.get_rng_state()
    check_weights(config_of(storage, "model.start_from=shallow/2"))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("plan", [[], ["plan=true"]])
def test_a_run_is_refused_before_anything_is_made(storage: Path, plan: list[str]) -> None:
    with pytest.raises(UserError, match="trial 4 is not there"):
        run([f"storage={storage}", "run=mine", "model.start_from=shallow/4", *plan])
    assert [folder.name for folder in storage.iterdir()] == ["shallow"]


def test_a_check_tells_it_too(storage: Path) -> None:
    with pytest.raises(UserError, match="trial 4 is not there"):
        check([f"storage={storage}", "model=lstm", "model.start_from=shallow/4"])
