"""Synthetic trainings with labels."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.labelled import Labelled, case_folder, label_text
from failmap.analysis.diagnosis import Cause
from failmap.run_folder.records import Evaluation, Outcome, Summary, TrialRecord
from failmap.search.trial.config import TrialConfig

MakeEvaluation = Callable[..., Evaluation]
MakeTraining = Callable[..., Labelled]


@pytest.fixture
def evaluation() -> MakeEvaluation:
    """Make an evaluation, healthy by default. Other keywords are signals."""

    def make(update: int = 50, **values: Any) -> Evaluation:
        losses = {"train_loss": 0.5, "validation_loss": 0.5, "metric": 0.5, "score": 0.0}
        losses |= {name: values.pop(name) for name in list(values) if name in losses}
        signals = {
            "learning_rate": 3e-3,
            "gradient_norm_by_layer": {"layers.0": 1.0, "readout": 1.0},
            "update_ratio_by_layer": {"layers.0": 1e-3, "readout": 1e-3},
            "gradient_zeros_by_layer": {"layers.0": 0.0, "readout": 0.0},
        }
        return Evaluation(update=update, seconds=update / 100, **losses, signals={**signals, **values})

    return make


@pytest.fixture
def training(evaluation: MakeEvaluation) -> MakeTraining:
    """Make a scored training, healthy unless it has a label."""

    def make(
        label: Cause = "none",
        name: str = "it",
        history: Sequence[Evaluation] | None = None,
        took: bool = True,
        outcome: Outcome | None = None,
        summary: dict[str, Any] | None = None,
        **case: Any,
    ) -> Labelled:
        config = TrialConfig.model_validate(
            {
                "task": {"name": "adding", "sequence_length": 5},
                "model": {"name": "rnn", "hidden_size": 4},
                "train": {"max_updates": 1000, "evaluate_every": 50},
            }
        )
        twin = None if label == "none" else case.pop("twin", "healthy twin")
        values = {"half": "tuning", "family": "adding rnn", "severity": "", "twin": twin, **case}
        made = Case(name=name, label=label, config=config, **values)
        ended = Summary(
            outcome=outcome or ("learned" if label == "none" else "failed"),
            reason="",
            num_parameters=100,
            **(summary or {}),
        )
        record = TrialRecord(
            number=0,
            attempt=1,
            config=config.model_dump(mode="json"),
            cell={},
            recipe={},
            recipe_index=0,
            purpose="default",
            seed=0,
            started="2026-11-22T12:00:00+00:00",
            ended="2026-11-22T12:01:00+00:00",
            summary=ended,
        )
        evaluations = tuple(history or [evaluation(50), evaluation(100)])
        return Labelled(made, record, evaluations, took)

    return make


@pytest.fixture
def store(tmp_path: Path) -> Callable[[Labelled], Path]:
    """Write a training as the benchmark does, and return the folder of all."""

    def write(training: Labelled) -> Path:
        files = case_folder(tmp_path, training.case)
        files.path.mkdir(parents=True)
        files.record.write_text(training.record.to_json())
        files.history.write_text("".join(one.to_line() + "\n" for one in training.history))
        (files.path / "label.json").write_text(label_text(training.case, digest="any"))
        return tmp_path

    return write
