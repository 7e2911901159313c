"""The contract of a network: from inputs (batch, time, features) to outputs, row by row."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from failmap.conformance.calls import BrokenContractError, attempt, build, name_of
from failmap.models.config import OutputLayout

#: Sequences in the batch that is passed. All sizes that may be confused with one another differ.
NUM_SEQUENCES = 5
#: Differences by rounding: a matrix product of another batch adds up in another order.
_RTOL, _ATOL = 1e-3, 1e-5


@dataclass(frozen=True)
class _Case:
    """A network and what it is passed."""

    net: nn.Module
    inputs: Tensor
    output_size: int
    layout: OutputLayout

    def outputs(self, inputs: Tensor) -> Tensor:
        """Pass inputs; raise BrokenContractError unless a tensor is returned."""
        shape = tuple(inputs.shape)
        outputs = attempt(f"forward of inputs {shape}", self.net, inputs.clone())
        if not isinstance(outputs, Tensor):
            kind = type(outputs).__name__
            hint = ": return the outputs alone, without states" if isinstance(outputs, tuple) else ""
            raise BrokenContractError(f"forward returns a {kind}, and a tensor of outputs is wanted{hint}")
        return outputs

    def shapes(self, num: int, num_steps: int) -> list[tuple[int, ...]]:
        """Return the shapes that outputs may have."""
        by_step = (num, num_steps, self.output_size)
        return [by_step] if self.layout == "step" else [(num, self.output_size), by_step]


def check_model(
    own: Callable[..., Any],
    *,
    args: Mapping[str, Any] | None = None,
    input_size: int = 3,
    output_size: int = 2,
    num_steps: int = 7,
    layout: OutputLayout = "sequence",
) -> list[str]:
    """Return how a network breaks the contract, one line each; an empty list if it keeps to it.

    Args:
        own: A subclass of `nn.Module`, or a function that makes one, called as
            `own(input_size, output_size, **args)`.
        args: The other arguments.
        input_size: Features of one time step.
        output_size: Numbers of one output.
        num_steps: Time steps of the inputs.
        layout: `sequence` for one label of each sequence: outputs (batch, outputs), or of every step, the
            last of which counts; `step` for a label at every step: outputs (batch, time, outputs).
    """
    # Networks draw their weights, and the caller's random numbers are none of their business.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            net = _built(own, (input_size, output_size), args or {})
            inputs = torch.randn(NUM_SEQUENCES, num_steps, input_size)
            return list(_problems(_Case(net, inputs, output_size, layout)))
        except BrokenContractError as error:
            return [str(error)]


def _built(own: Callable[..., Any], sizes: tuple[int, int], args: Mapping[str, Any]) -> nn.Module:
    name = name_of(own)
    if not callable(own) or (inspect.isclass(own) and not issubclass(own, nn.Module)):
        raise BrokenContractError(
            f"{name} is no nn.Module: a class derived from torch.nn.Module is wanted, called as "
            f"{name}(input_size, output_size, ...)"
        )
    net = build(own, sizes, args)
    if not isinstance(net, nn.Module):
        raise BrokenContractError(f"{name} returns a {type(net).__name__}, and an nn.Module is wanted")
    return net


def _problems(case: _Case) -> Iterator[str]:
    """Yield each problem; an output that is no tensor of the right shape is the last one."""
    if not any(parameter.requires_grad for parameter in case.net.parameters()):
        yield (
            "it has no parameters that train: layers are attributes of the module, or in an nn.ModuleList, "
            "not in a plain list or dict"
        )
    case.net.eval()
    outputs = case.outputs(case.inputs)
    num, num_steps, _ = case.inputs.shape
    wrong = list(_shape_problems(case, outputs, num, num_steps))
    if wrong:
        yield from wrong
        return
    yield from _input_problems(case)
    if not outputs.isfinite().all():
        yield "outputs are not finite on standard normal inputs"
        return
    if not torch.equal(outputs, case.outputs(case.inputs)):
        yield (
            "two passes in evaluation mode differ: look for dropout or noise that ignores self.training, and "
            "for states that are kept from pass to pass"
        )
        return
    yield from _row_problems(case, outputs)
    yield from _training_problems(case)


def _shape_problems(case: _Case, outputs: Tensor, num: int, num_steps: int) -> Iterator[str]:
    """Yield what is wrong with shape and type of outputs."""
    wanted = case.shapes(num, num_steps)
    if tuple(outputs.shape) not in wanted:
        shapes = " or ".join(map(str, wanted))
        meant = "(batch, time, outputs)" if case.layout == "step" else "(batch, outputs)"
        yield (
            f"forward of inputs (batch, time, features) = {tuple(case.inputs[:num].shape)} returns "
            f"{tuple(outputs.shape)}, and {meant} = {shapes} is wanted"
        )
    elif outputs.dtype != torch.float32:
        yield f"outputs are {_dtype(outputs)}, and float32 is wanted"


def _input_problems(case: _Case) -> Iterator[str]:
    """Yield whether forward changes its inputs, which other passes use as well."""
    inputs = case.inputs.clone()
    attempt("forward", case.net, inputs)
    if not torch.equal(inputs, case.inputs):
        yield "forward changes its inputs in place: copy them first"


def _row_problems(case: _Case, outputs: Tensor) -> Iterator[str]:
    """Yield whether a sequence's output depends on the others of its batch, or on their number."""
    # Not the first one: where sequences are mistaken for steps, it depends on no other.
    row = len(outputs) // 2
    others = -2 * case.inputs.flip(0)
    others[row] = case.inputs[row]
    if not _close(case.outputs(others)[row], outputs[row]):
        yield (
            "a sequence's outputs depend on the others of its batch in evaluation mode: batch and time are "
            "mistaken for each other (batch_first=True?), or a statistic is taken over the batch"
        )
        return
    alone = case.outputs(case.inputs[row : row + 1])
    wrong = list(_shape_problems(case, alone, 1, case.inputs.shape[1]))
    if wrong:
        yield from (f"a batch of one sequence: {problem}" for problem in wrong)
    elif not _close(alone[0], outputs[row]):
        yield "a sequence alone has other outputs than in a batch, in evaluation mode"


def _training_problems(case: _Case) -> Iterator[str]:
    """Yield whether outputs in training mode reach no parameter with a gradient."""
    case.net.train()
    outputs = case.outputs(case.inputs)
    parameters = [parameter for parameter in case.net.parameters() if parameter.requires_grad]
    if not parameters:
        return
    if outputs.requires_grad:
        attempt("backward from the outputs", outputs.square().sum().backward)
    if all(parameter.grad is None for parameter in parameters):
        yield "no parameter gets a gradient: forward detaches, or runs under torch.no_grad()"


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=_RTOL, atol=_ATOL)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
