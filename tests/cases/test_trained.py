"""What trainings of the cases are told to suffer from, and what a rescue then tries and repairs."""

from pathlib import Path

import pytest

from failmap.analysis.load import load_run
from failmap.run_folder.records import TrialRecord
from tests.cases.trainings import NUM_SEEDS, causes, learned_by, rescue, search

pytestmark = pytest.mark.long

FORECAST = ("task.target=forecasting", "task.sequence_length=12")


def file(path: Path) -> tuple[str, str]:
    return "task=array_file", f"task.path={path}"


def one_layer(hidden_size: int, max_updates: int) -> tuple[str, ...]:
    return "model.depth=1", f"model.hidden_size={hidden_size}", f"train.max_updates={max_updates}"


def test_noise_with_an_index_is_not_learned(inputs: Path, tmp_path: Path) -> None:
    run = load_run(search(tmp_path, *file(inputs / "with_index.csv"), *one_layer(16, 600)))
    assert {record.outcome for record in run.records} == {"failed"}


def test_trend_is_a_shift_that_changes_repair(inputs: Path, tmp_path: Path) -> None:
    words = (*file(inputs / "trend.csv"), "task.target=forecasting", "task.sequence_length=14")
    folder = search(tmp_path, *words, *one_layer(32, 800))
    run = load_run(folder)
    assert causes(run) == {"distribution_shift"}
    for record in run.records:
        assert record.summary is not None
        assert record.summary.validation_size == 186
        assert "500" not in run.explanations[record.number].level_told
    (case,) = rescue(folder)
    assert case.cause == "distribution_shift"
    learned = learned_by(folder)
    assert learned["last_value_added"] == learned["differences"] == NUM_SEEDS


def test_walk_cannot_be_predicted(inputs: Path, tmp_path: Path) -> None:
    folder = search(tmp_path, *file(inputs / "walk.csv"), *FORECAST, *one_layer(16, 800))
    assert causes(load_run(folder)) == {"not_predictable"}
    case, *_ = rescue(folder, lambda record: False)
    assert case.verdict == "not_predictable"
    assert case.steps[1].name != "more_updates"


def test_far_targets_are_standardised_first(inputs: Path, tmp_path: Path) -> None:
    sgd = ("train.optimizer=sgd", "train.learning_rate=0.0008")
    words = (*file(inputs / "big_y.npz"), "task.target=regression", "task.normalise=false", *sgd)
    folder = search(tmp_path, *words, *one_layer(32, 600))
    assert causes(load_run(folder)) == {"target_scale"}

    def is_trained(record: TrialRecord) -> bool:
        change = record.intervention
        return change is not None and change.chain in ("standardised_targets", "standardised_targets+adam")

    first, following, *_ = rescue(folder, is_trained)
    assert first.steps[1].changes == {"output.target_range": "standardised"}
    assert (following.on_top_of, following.cause) == ("standardised_targets", "too_slow")
    assert learned_by(folder)["standardised_targets+adam"] == NUM_SEEDS


def test_explosion_is_clipped_early(tmp_path: Path) -> None:
    relu = ("model=rnn", "model.nonlinearity=relu", "model.initialization=he")
    steps = ("train.learning_rate=0.03", "train.clip_norm=none")
    words = (*relu, "task=adding", "task.sequence_length=60", *steps)
    folder = search(tmp_path, *words, *one_layer(32, 600))
    assert causes(load_run(folder)) == {"exploding_gradient"}
    case, *_ = rescue(folder, lambda record: False)
    assert {"clip", "tanh"} <= {step.name for step in case.steps[1:4]}


def test_next_cause_is_told_once_the_head_is_mended(tmp_path: Path) -> None:
    faults = ("output.activation=sigmoid", "train.optimizer=sgd", "train.learning_rate=0.5")
    words = ("task=adding", "task.sequence_length=50", "model.depth=3", "model.hidden_size=2", *faults)
    folder = search(tmp_path, *words, "train.batch_size=1", "train.max_updates=1500")

    def is_trained(record: TrialRecord) -> bool:
        return record.intervention is not None and record.intervention.chain == "output_head"

    first, following, *_ = rescue(folder, is_trained)
    assert (first.cause, first.steps[1].name) == ("unreachable_output", "output_head")
    assert following.on_top_of == "output_head"
    assert following.cause not in ("unreachable_output", "unknown")
