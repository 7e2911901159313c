"""The precision in which a network computes. Weights, losses and metrics stay in float32."""

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.optim import Optimizer

from failmap.models.network import Network, Teacher, Trace
from failmap.search.trial.train_config import PrecisionName

#: Precisions implemented by torch.autocast.
_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
#: NVIDIA's first GPUs with TF32 and BF16: Ampere.
_AMPERE = (8, 0)
_NEEDS_AMPERE = "needs an NVIDIA GPU of compute capability 8.0 or newer"
_FP16_NEEDS_GPU = "needs an NVIDIA GPU, because torch runs no LSTM in fp16 elsewhere"


class PrecisionError(ValueError):
    """A device does not support a precision; the message is one line."""


def check_precision(precision: PrecisionName, device: torch.device) -> None:
    """Raise PrecisionError if a device does not support a precision, and name those that it does support.

    On a CPU (AVX-512 with BF16 and FP16 instructions, one thread, 32 to 512 units), torch 2.13 trains RNN,
    GRU, LSTM, linear and convolutional layers in bf16 under autocast, with relative errors of 4e-3 to 1e-2 in
    outputs and 2e-3 to 6e-3 in gradients, in 1.1 to 1.9 times the time of fp32. It is no faster, but shows
    how bf16 affects learning, so it is allowed where an LSTM runs. In fp16 an LSTM does not run at all
    ("could not create a primitive descriptor"), and a convolution takes 100 to 280 times as long.
    """
    if precision == "fp32":
        return
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if precision == "fp16" or capability >= _AMPERE:
            return
        name, version = torch.cuda.get_device_name(device), ".".join(map(str, capability))
        reason = f"{_NEEDS_AMPERE}, but {name} has {version}; use fp32 or fp16"
    elif precision == "bf16":
        if _cpu_has_bf16():
            return
        reason = "torch runs no LSTM in bf16 on this CPU; use fp32"
    else:
        needed = _NEEDS_AMPERE if precision == "tf32" else _FP16_NEEDS_GPU
        others = "fp32 or bf16" if _cpu_has_bf16() else "fp32"
        reason = f"{needed}, but trials run on a CPU here; use {others}"
    raise PrecisionError(f"train.precision={precision}: {reason}")


class Precision:
    """Runs the passes of one training in a given precision.

    Args:
        name: fp32; tf32: float32 matrix products and convolutions with 10 bits of mantissa; bf16 and fp16:
            torch.autocast, with a scaled loss for fp16 so that small gradients do not underflow.
        device: The device that computes.

    Attributes:
        scaling: The scaling of the loss.

    Raises:
        PrecisionError: The device does not support the precision.
    """

    def __init__(self, name: PrecisionName, device: torch.device) -> None:
        check_precision(name, device)
        self.device = device
        self.dtype = _HALF.get(name)
        self.scaling = LossScaling(device, is_enabled=name == "fp16")
        if device.type == "cuda":
            # Always set, since processes are reused from trial to trial, and TF32 is on by default in cuDNN.
            torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
            torch.backends.cudnn.allow_tf32 = name == "tf32"

    def outputs(
        self,
        model: Network,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Float[Tensor, "batch *label outputs"]:
        """Return a network's outputs, in float32."""
        with self._autocast():
            outputs: Tensor = model(inputs, lengths, teacher)
        return outputs.float()

    def trace(
        self,
        model: Network,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Trace:
        """Return a pass through a network, its outputs and states in float32."""
        with self._autocast():
            outputs, layers = model.trace(inputs, lengths, teacher)
        layers = [
            layer._replace(inputs=layer.inputs.float(), states=layer.states.float()) for layer in layers
        ]
        return Trace(outputs.float(), layers)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)


class LossScaling:
    """torch's dynamic loss scaling, which grows until gradients overflow (Micikevicius et al. 2018).

    If it is not enabled, losses are not scaled and no step is skipped.
    """

    def __init__(self, device: torch.device, *, is_enabled: bool = True) -> None:
        self.is_enabled = is_enabled
        self._scaler = torch.amp.GradScaler(device.type, enabled=is_enabled)
        # The scaler creates its tensors on first use, but a snapshot may need them earlier.
        self._scaler.scale(torch.zeros((), device=device))

    def backward(self, loss: Float[Tensor, ""], optimizer: Optimizer, inputs: Tensor | None) -> None:
        """Compute the unscaled gradients of all weights, and of the inputs if they require one.

        Gradients that overflowed stay infinite, and the next step is skipped.
        """
        scaled: Tensor = self._scaler.scale(loss)
        scaled.backward()
        self._scaler.unscale_(optimizer)
        if self.is_enabled and inputs is not None and inputs.grad is not None:
            inputs.grad.div_(self._scaler.get_scale())

    def step(self, optimizer: Optimizer) -> None:
        """Step unless a gradient overflowed, and update the scale; fused optimizers need no host sync."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def state(self) -> dict[str, Tensor]:
        """Return the scale and the number of steps since it last changed; nothing if not enabled."""
        if not self.is_enabled:
            return {}
        state = self._scaler.state_dict()
        return {
            "scale": torch.tensor(state["scale"], dtype=torch.float64),
            "growth_tracker": torch.tensor(state["_growth_tracker"]),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore a state."""
        if not self.is_enabled:
            return
        numbers = {"scale": state["scale"].item(), "_growth_tracker": int(state["growth_tracker"].item())}
        self._scaler.load_state_dict({**self._scaler.state_dict(), **numbers})


@lru_cache(maxsize=1)
def _cpu_has_bf16() -> bool:
    """Return whether an LSTM trains in bf16 on this CPU, which can only be found by trying."""
    layer, inputs = nn.LSTM(2, 2, batch_first=True), torch.zeros(1, 2, 2)
    try:
        with torch.random.fork_rng(devices=[]), torch.autocast("cpu", dtype=torch.bfloat16):
            layer(inputs)[0].sum().backward()
    except RuntimeError:
        return False
    return True
