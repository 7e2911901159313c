"""How far a loss's gradient reaches back in time through a recurrent module of somebody's loop."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from failmap.models.chunks import state_gradients
from failmap.search.trial.probes.common import Signals, shown_steps, steps_back
from failmap.search.trial.probes.time import MAX_SEQUENCES, reach
from failmap.watcher.recurrent import Call, single

#: Gradients that the backward pass brought: of the outputs, and of the last h and c as torch stacks them.
Arrived = Mapping[str, Tensor]


def time_signals_of(call: Call, name: str, arrived: Arrived, *, of_last_label: bool) -> Signals:
    """Return how a gradient fades backwards in time through one call, as numbers and lists.

    The layers are run again with a graph to the inputs. Sequences that are padded are left out.

    Args:
        call: The copied call.
        name: The module's name.
        arrived: `outputs` (batch, time, hidden), `h` and `c` (layers and directions, batch, hidden) for the
            sequences of the call; those that nothing depends on are absent.
        of_last_label: Whether to judge the reach by the gradient to the last output alone, because there is
            a label at every step.
    """
    num_steps = call.inputs.shape[1]
    rows = torch.arange(len(call.inputs))
    if call.lengths is not None:
        rows = rows[call.lengths == num_steps]
    if num_steps < 2 or not arrived:
        return {}
    passed = _Rerun(call, rows.to(call.inputs.device), arrived)
    to_inputs, *to_states = passed.gradients()
    norms = to_inputs.double().norm(dim=(0, 2))
    steps = shown_steps(num_steps)
    signals: Signals = {"gradient_norm_by_step": norms[steps].tolist(), "gradient_steps": steps}
    if of_last_label and "outputs" in arrived:
        norms = passed.of_last_output().double().norm(dim=(0, 2))
    signals |= reach(norms.tolist())
    if call.initial is None and "c" not in arrived and not call.layers[0].bidirectional:
        signals["state_gradient_by_step"] = passed.to_states(name, to_states)
        signals["state_gradient_steps"] = steps_back(num_steps)
    return signals


class _Rerun:
    """A call run again with a graph to its inputs, and what is to be propagated back through it."""

    def __init__(self, call: Call, rows: Tensor, arrived: Arrived) -> None:
        self.layers = call.layers
        self.inputs = call.inputs[rows].requires_grad_()
        self.states: list[Tensor] = []
        finals: list[list[Tensor]] = []
        below: Tensor = self.inputs
        for index, layer in enumerate(call.layers):
            initial = None if call.initial is None else call.initial[index]
            if isinstance(initial, tuple):
                initial = tuple(state[:, rows] for state in initial)
            elif initial is not None:
                initial = initial[:, rows]
            below, final = layer(below, initial)
            self.states.append(below)
            finals.append(list(final) if isinstance(final, tuple) else [final])
        outputs = arrived.get("outputs")
        self.ends: list[Tensor] = [self.states[-1]]
        self.weights = [torch.zeros_like(below) if outputs is None else outputs[rows].to(below.dtype)]
        self.to_last: Tensor | None = None
        for place, kind in enumerate(("h", "c")):
            if kind in arrived:
                self.ends.append(torch.cat([final[place] for final in finals]))
                self.weights.append(arrived[kind][:, rows].to(below.dtype))
        if "h" in arrived:
            self.to_last = self.weights[1]

    def gradients(self) -> Sequence[Float[Tensor, "batch time any"]]:
        """Return the gradients to the inputs and to the states of each layer, by one backward pass."""
        return torch.autograd.grad(self.ends, [self.inputs, *self.states], self.weights, retain_graph=True)

    def of_last_output(self) -> Float[Tensor, "batch time features"]:
        """Return the gradient to the inputs from the last output, and from the last state."""
        last = torch.zeros_like(self.weights[0])
        last[:, -1] = self.weights[0][:, -1]
        (gradient,) = torch.autograd.grad(self.ends, self.inputs, [last, *self.weights[1:]])
        return gradient

    def to_states(self, name: str, through: Sequence[Tensor]) -> dict[str, list[float]]:
        """Return the norm of the total derivative to each layer's states at the steps of `steps_back`.

        Args:
            name: The module's name.
            through: The gradient to each layer's states, of `gradients`.
        """
        few = slice(MAX_SEQUENCES)
        norms: dict[str, list[float]] = {}
        below = self.inputs
        for index, (layer, states, gradient) in enumerate(
            zip(self.layers, self.states, through, strict=True)
        ):
            from_above = single(gradient)
            if self.to_last is not None:
                from_above[:, -1] += self.to_last[index]
            steps = steps_back(states.shape[1])
            total = state_gradients(layer, below[few], from_above[few], steps)
            layer_name = f"{name}.l{index}" if len(self.layers) > 1 else name
            norms[layer_name] = total.double().norm(dim=(1, 2)).tolist()
            below = states
        return norms
