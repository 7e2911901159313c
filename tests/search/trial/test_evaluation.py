"""A measurement is a mean over labels, independent of chunks and of padding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from failmap.datasets import build_task
from failmap.datasets.config import ArrayFileConfig, DelayedRecallConfig, ParityConfig
from failmap.datasets.task import Batch
from failmap.models import build_model
from failmap.models.config import LSTMConfig
from failmap.models.network import Interface, Network, Teacher, Trace
from failmap.search.trial.config import OutputConfig
from failmap.search.trial.evaluation import Measurement, measure
from failmap.search.trial.objective import Objective
from failmap.search.trial.precision import Precision

LENGTHS = [5, 2, 4, 1]
SINGLE = Precision("fp32", torch.device("cpu"))


def every_step() -> tuple[Network, Objective]:
    task = build_task(ParityConfig(sequence_length=5, supervision="every_step"))
    torch.manual_seed(0)
    interface = Interface(task.input_size, task.output_size, num_steps=5, layout="step")
    return build_model(LSTMConfig(hidden_size=4), interface), Objective(OutputConfig(), task)


def ragged() -> Batch:
    """Bits whose padded labels are far from any output."""
    inputs = torch.randint(0, 2, (4, 5, 1), generator=torch.Generator().manual_seed(1)).float()
    targets = inputs[..., 0].cumsum(1) % 2
    fills_up = torch.arange(5) >= torch.tensor(LENGTHS)[:, None]
    inputs[fills_up] = 0.0
    targets[fills_up] = 100.0
    return Batch(inputs, targets, torch.tensor(LENGTHS))


def values(measured: Measurement) -> list[float]:
    return [measured.loss, measured.metric, *measured.losses.values()]


def test_ragged_batch_averages_over_labels() -> None:
    model, objective = every_step()
    batch = ragged()
    whole = measure(model, objective, batch, SINGLE)
    alone = [
        values(
            measure(
                model,
                objective,
                Batch(batch.inputs[row : row + 1, :length], batch.targets[row : row + 1, :length]),
                SINGLE,
            )
        )
        for row, length in enumerate(LENGTHS)
    ]
    weights = torch.tensor(LENGTHS, dtype=torch.float64) / sum(LENGTHS)
    assert values(whole) == pytest.approx((weights @ torch.tensor(alone, dtype=torch.float64)).tolist())
    assert objective.num_labels(batch) == len(objective.labels(batch)) == sum(LENGTHS)
    assert objective.labels(batch).max() == 1, "padding is no label"
    trained = objective.loss(model(batch.inputs, batch.lengths), batch)
    assert trained.item() == pytest.approx(whole.loss)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_chunks_do_not_change_measurement(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, objective = every_step()
    whole = measure(model, objective, ragged(), SINGLE)
    entries = model.state_entries(5) + 4 * 5
    monkeypatch.setattr("failmap.search.trial.evaluation.MAX_ENTRIES", size * entries)
    assert values(measure(model, objective, ragged(), SINGLE)) == pytest.approx(values(whole))


class Shown(Network):
    """Predicts every class equally likely, and records the number of sequences in each pass."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_outputs))
        self.sizes: list[int] = []

    def trace(self, inputs: Tensor, lengths: Tensor | None = None, teacher: Teacher | None = None) -> Trace:
        self.sizes.append(len(inputs))
        return Trace(self.bias.expand(len(inputs), -1), [])

    def parts(self) -> dict[str, nn.Module]:
        return {"readout": self}

    def state_entries(self, num_steps: int) -> int:
        return num_steps


@pytest.mark.parametrize("num_classes", [3, 1000])
def test_wide_outputs_use_smaller_chunks(num_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    task = build_task(DelayedRecallConfig(num_symbols=num_classes))
    batch = Batch(torch.zeros(100, 10, num_classes + 1), torch.arange(100) % num_classes)
    monkeypatch.setattr("failmap.search.trial.evaluation.MAX_ENTRIES", 50_000)
    model = Shown(num_classes)
    objective = Objective(OutputConfig(loss="cross_entropy"), task)
    measured = measure(model, objective, batch, SINGLE)
    assert sum(model.sizes) == 100
    assert max(model.sizes) == (100 if num_classes == 3 else 12)
    assert measured.loss == pytest.approx(measured.losses["cross_entropy"])


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1", "auroc"])
def test_metric_of_a_whole_set_does_not_depend_on_chunks(
    metric: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = np.random.RandomState(0).normal(size=(400, 5, 1))
    np.savez(tmp_path / "my.npz", inputs=inputs, targets=inputs.sum((1, 2)) > 1)
    task = build_task(ArrayFileConfig(path=str(tmp_path / "my.npz"), metric=metric))
    torch.manual_seed(0)
    model = build_model(LSTMConfig(hidden_size=4), Interface(1, 2, num_steps=5))
    objective, batch = Objective(OutputConfig(), task), task.validation_set()
    whole = measure(model, objective, batch, SINGLE)
    assert whole.metric == pytest.approx(objective.metric(model(batch.inputs), batch).item())
    monkeypatch.setattr("failmap.search.trial.evaluation.MAX_ENTRIES", 1000)
    assert measure(model, objective, batch, SINGLE).metric == whole.metric
