"""In which precision a network computes. Its weights, the losses and the metrics stay in float32."""

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.optim import Optimizer

from failmap.models.network import Network, Teacher, Trace
from failmap.search.trial.train_config import PrecisionName

#: Precisions that torch.autocast computes in.
_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
#: NVIDIA's first GPUs with TF32 and BF16: Ampere.
_AMPERE = (8, 0)
_NEEDS_AMPERE = "needs an NVIDIA GPU of compute capability 8.0 or newer"


class PrecisionError(ValueError):
    """A precision that a device does not have, told in one line."""


def check_precision(precision: PrecisionName, device: torch.device) -> None:
    """Raises PrecisionError where the device cannot compute in a precision: why, and what it has.

    On a CPU, torch 2.13 was seen (AVX-512 with BF16 and FP16 instructions, one thread, 32 to 512 units) to
    train RNN, GRU, LSTM, linear and convolutional layers in bf16 under autocast, outputs off by 4e-3 to 1e-2
    and gradients by 2e-3 to 6e-3 of their size, in 1.1 to 1.9 times the time of fp32. That is no gain, but a
    true answer to what bf16 does to learning, so it is allowed where an LSTM runs. In fp16 an LSTM does not
    run at all ("could not create a primitive descriptor"), and a convolution takes 100 to 280 times as long.
    """
    if precision == "fp32":
        return
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if precision != "fp16" and capability < _AMPERE:
            name, version = torch.cuda.get_device_name(device), ".".join(map(str, capability))
            raise PrecisionError(
                f"train.precision={precision}: {_NEEDS_AMPERE}, and {name} has {version}: take fp32 or fp16"
            )
    elif precision == "tf32":
        raise PrecisionError(
            f"train.precision=tf32: {_NEEDS_AMPERE}, and trials run on a CPU here; it has {_those_of_a_cpu()}"
        )
    elif precision == "fp16":
        raise PrecisionError(
            "train.precision=fp16: needs an NVIDIA GPU, for torch runs no LSTM in fp16 elsewhere, and trials "
            f"run on a CPU here; it has {_those_of_a_cpu()}"
        )
    elif not _cpu_has_bf16():
        raise PrecisionError("train.precision=bf16: torch runs no LSTM in bf16 on this CPU; it has fp32")


class Precision:
    """How one training computes, on one device.

    Args:
        name: fp32; tf32: matrix products and convolutions of float32 with 10 bits of mantissa; bf16 and fp16:
            by torch.autocast, fp16 with its loss scaled so that small gradients do not underflow.
        device: where it computes.

    Raises:
        PrecisionError: the device has no such precision.
    """

    def __init__(self, name: PrecisionName, device: torch.device) -> None:
        check_precision(name, device)
        self.device = device
        self.dtype = _HALF.get(name)
        self.scaling = LossScaling(device) if name == "fp16" else None
        if device.type == "cuda":
            # For every trial, both ways: processes go from trial to trial, and cuDNN comes with TF32 on.
            torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
            torch.backends.cudnn.allow_tf32 = name == "tf32"

    def outputs(
        self,
        model: Network,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Float[Tensor, "batch *label outputs"]:
        """A network's outputs, in float32."""
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
        """A pass through a network, its outputs and states in float32."""
        with self._autocast():
            outputs, layers = model.trace(inputs, lengths, teacher)
        layers = [
            layer._replace(inputs=layer.inputs.float(), states=layer.states.float()) for layer in layers
        ]
        return Trace(outputs.float(), layers)

    def backward(self, loss: Float[Tensor, ""], optimizer: Optimizer, inputs: Tensor | None = None) -> None:
        """The gradients of a loss to all weights, and to the inputs where those take one."""
        if self.scaling is None:
            loss.backward()
        else:
            self.scaling.backward(loss, optimizer, inputs)

    def step(self, optimizer: Optimizer) -> None:
        """Moves the weights; not where a gradient overflowed its scaled loss."""
        if self.scaling is None:
            optimizer.step()
        else:
            self.scaling.step(optimizer)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)


class LossScaling:
    """The loss times a number that grows until gradients overflow (Micikevicius et al. 2018), by torch."""

    def __init__(self, device: torch.device) -> None:
        self._scaler = torch.amp.GradScaler(device.type)
        # It makes its tensors on first use, but a snapshot may come before.
        self._scaler.scale(torch.zeros((), device=device))

    def backward(self, loss: Float[Tensor, ""], optimizer: Optimizer, inputs: Tensor | None) -> None:
        """The gradients, scaled back; what overflowed stays infinite, and the next step is then left out."""
        scaled: Tensor = self._scaler.scale(loss)
        scaled.backward()
        self._scaler.unscale_(optimizer)
        if inputs is not None and inputs.grad is not None:
            inputs.grad.div_(self._scaler.get_scale())

    def step(self, optimizer: Optimizer) -> None:
        """A step unless a gradient overflowed, and the next scale. Fused optimizers need not ask the host."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def state(self) -> dict[str, Tensor]:
        """The scale and the steps since it last changed."""
        state = self._scaler.state_dict()
        return {
            "scale": torch.tensor(state["scale"], dtype=torch.float64),
            "growth_tracker": torch.tensor(state["_growth_tracker"]),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Puts a state back."""
        numbers = {"scale": state["scale"].item(), "_growth_tracker": int(state["growth_tracker"].item())}
        self._scaler.load_state_dict({**self._scaler.state_dict(), **numbers})


@lru_cache(maxsize=1)
def _cpu_has_bf16() -> bool:
    """Whether an LSTM trains in bf16 on this CPU: torch says so only by trying."""
    layer, inputs = nn.LSTM(2, 2, batch_first=True), torch.zeros(1, 2, 2)
    try:
        with torch.random.fork_rng(devices=[]), torch.autocast("cpu", dtype=torch.bfloat16):
            layer(inputs)[0].sum().backward()
    except RuntimeError:
        return False
    return True


def _those_of_a_cpu() -> str:
    return "fp32 and bf16" if _cpu_has_bf16() else "fp32"
