"""Precisions that a device supports or rejects, with losses in float32."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from failmap.search.trial.checkpoint import Snapshot
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.criterion import Progress
from failmap.search.trial.evaluation import measure
from failmap.search.trial.precision import LossScaling, PrecisionError
from failmap.search.trial.training import Training
from tests.search.trial.precisions import CPU, bf16_here, has


def training(precision: str, model: str = "lstm", **train: Any) -> Training:
    return Training(
        TrialConfig.model_validate(
            {
                "task": {"name": "adding", "sequence_length": 6, "test_size": 64},
                "model": {"name": model, "depth": 2},
                "train": {"precision": precision, "batch_size": 16, "max_updates": 50, **train},
            }
        ),
        CPU,
    )


@pytest.mark.parametrize("precision", ["tf32", "fp16"])
def test_cpu_rejects_unsupported_precisions(precision: str) -> None:
    with pytest.raises(PrecisionError, match=f"^train.precision={precision}: needs an NVIDIA GPU.*fp32.*$"):
        training(precision)


@bf16_here
@pytest.mark.parametrize("model", ["rnn", "gru", "lstm", "mlp", "convolution", "attention"])
def test_bf16_is_close_to_fp32(model: str) -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        trained = training(precision, model)
        losses[precision] = torch.stack([trained.update(update) for update in range(20)])
        assert losses[precision].dtype == torch.float32
        assert all(parameter.dtype == torch.float32 for parameter in trained.model.parameters())
    assert not torch.equal(losses["bf16"], losses["fp32"])
    torch.testing.assert_close(losses["bf16"], losses["fp32"], rtol=0.1, atol=0.05)


@bf16_here
@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
def test_bf16_evaluation_keeps_float32_losses_and_states(model: str) -> None:
    trained = training("bf16", model)
    validation = trained.task.validation_set()
    trace = trained.precision.trace(trained.model, validation.inputs, validation.lengths)
    assert trace.outputs.dtype == torch.float32
    assert {layer.states.dtype for layer in trace.layers} == {torch.float32}
    in_bf16 = measure(trained.model, trained.objective, validation, trained.precision)
    in_fp32 = measure(trained.model, trained.objective, validation, training("fp32").precision)
    assert in_bf16.loss != in_fp32.loss
    assert in_bf16.loss == pytest.approx(in_fp32.loss, rel=0.05)


class Scaled:
    """One weight, trained by a scaled loss that is the product of weight and input."""

    def __init__(self) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.model.weight, 1.0)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1, fused=True)
        self.scaling = LossScaling(CPU)

    def update(self, slope: float) -> tuple[float, float, float]:
        """Return the gradients of weight and input, and the weight after the step."""
        self.optimizer.zero_grad()
        inputs = torch.full((1, 1), slope, requires_grad=True)
        self.scaling.backward(self.model(inputs).sum(), self.optimizer, inputs)
        assert self.model.weight.grad is not None
        assert inputs.grad is not None
        gradients = self.model.weight.grad.item(), inputs.grad.item()
        self.scaling.step(self.optimizer)
        return *gradients, self.model.weight.item()


def test_scaled_loss_keeps_gradients() -> None:
    assert Scaled().update(3.0) == pytest.approx((3.0, 1.0, 0.7))


def test_overflow_skips_step_and_halves_scale() -> None:
    scaled = Scaled()
    before = Snapshot.take(scaled.model, scaled.optimizer, scaled.scaling, Progress())
    _, _, weight = scaled.update(1e38)
    assert weight == 1.0
    assert scaled.scaling.state()["scale"] == 2**15
    assert before.has_same_weights(scaled.model, LossScaling(CPU, is_enabled=False))
    assert not before.has_same_weights(scaled.model, scaled.scaling)


def test_scale_is_restored_from_checkpoint(tmp_path: Path) -> None:
    scaled, resumed = Scaled(), Scaled()
    for slope in (1e38, 1e38, 1.0):
        scaled.update(slope)
    Snapshot.take(scaled.model, scaled.optimizer, scaled.scaling, Progress()).save(tmp_path)
    stored = Snapshot.load(tmp_path, CPU)
    assert stored is not None
    stored.restore(resumed.model, resumed.optimizer, resumed.scaling)
    assert resumed.scaling.state() == scaled.scaling.state() == {"scale": 2**14, "growth_tracker": 1}
    assert resumed.update(2.0) == scaled.update(2.0)


gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@gpu
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
def test_gpu_trains_in_supported_precisions(precision: str, model: str) -> None:
    device = torch.device("cuda")
    if not has(precision, device):
        pytest.skip(f"this GPU has no {precision}")
    exact = Training(training("fp32", model).config, CPU)
    train = exact.config.train.model_copy(update={"precision": precision})
    trained = Training(exact.config.model_copy(update={"train": train}), device)
    assert torch.backends.cudnn.allow_tf32 == torch.backends.cuda.matmul.allow_tf32 == (precision == "tf32")
    validation = exact.task.validation_set()
    states = exact.model.trace(validation.inputs).layers[-1].states
    on_gpu = trained.precision.trace(trained.model, validation.inputs.to(device)).layers[-1].states.cpu()
    error = (on_gpu - states).norm() / states.norm()
    assert error < {"fp32": 1e-5, "tf32": 2e-3, "bf16": 2e-2, "fp16": 4e-3}[precision]
    losses = torch.stack([trained.update(update) for update in range(20)])
    assert losses.isfinite().all()
