"""The order of a loop: when gradients are zeroed, what the optimizer holds, in which mode the model runs."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from failmap.search.trial.probes.common import Signals
from failmap.watcher.final_gradients import before_update
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.parts import frozen_recurrence, unregistered

#: Share of the largest learning rate below which a schedule has ended.
ENDED_RATE = 1e-3
#: Number of parameters that are followed at most.
_MAX_FOLLOWED = 4
#: Steps after which a parameter that never moved was not trained.
_LEAST_STEPS = 8
#: Looks with a gradient after which the optimizer has never stepped.
_LEAST_LOOKS = 3


class LoopObserver(Observer):
    """Reports how gradients and parameters are handled.

    At each look: `gradient_stale` is 1 if every backward pass of the step was added to a gradient that was
    not zero, `gradient_erased` is 1 if a backward pass gave a gradient and the optimizer found none of it.
    Both are 0 unless the look has exactly one optimizer step. `parameters_not_held` lists trainable
    parameters with a gradient that the optimizer does not hold and that never moved, and `last_not_held` is 1
    if the last parameter of the model is among them. `all_frozen` is 1 if no parameter is trainable. At the
    end: `never_stepped`, 1 if in eight steps or more backward gave gradients at three looks, the optimizer
    stepped at none of all looks, and no parameter that was followed has moved;
    `rate_ended_share`, the share of steps with less than a thousandth of the largest learning rate,
    `rate_zero_share`, that with a rate of exactly 0, `trained_in_eval_share`, the share of steps in
    evaluation mode, and `eval_to_end_share`, that of the steps since which it was never left, with
    `has_batch_norm`, `largest_dropout` and the optimizer's largest `weight_decay`. `unregistered_modules` and
    `recurrent_frozen` name what no optimizer can train (`watcher.parts`).
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._hooks: list[RemovableHandle] = []
        self._stale: list[Tensor] = []
        self._incoming: list[Tensor] = []
        self._found: list[Tensor] = []
        self._num_optimizer_steps = 0
        self._rates: dict[float, int] = {}
        # The last rates, and the largest with two digits: rounding would cost more than the rest of a step.
        self._last_rates: list[float] = []
        self._rounded_rate = math.nan
        self._num_steps = self._num_in_eval = self._num_eval_to_end = 0
        self._starts: dict[str, Tensor] = {}
        self._followed_starts: dict[Tensor, Tensor] = {}
        self._num_looks_with_gradient = 0
        self._has_stepped = False
        self._has_batch_norm = any(_is_batch_norm(one) for one in watched.model.modules())
        self._unregistered = unregistered(watched.model, watched.optimizer)
        self._frozen_layer = frozen_recurrence(watched.model)
        self._largest_dropout = max((_dropout(one) for one in watched.model.modules()), default=0.0)

    def before_look(self) -> None:
        """Hook a few parameters and the optimizer."""
        self.remove()
        self._stale, self._incoming, self._found = [], [], []
        self._num_optimizer_steps = 0
        held = self._held()
        followed = [one for one in self.watched.model.parameters() if one.requires_grad and id(one) in held]
        followed = sorted(followed, key=lambda one: one.numel())[:_MAX_FOLLOWED]
        for parameter in followed:
            self._hooks.append(parameter.register_hook(self._at_backward(parameter)))
            if parameter not in self._followed_starts:
                self._followed_starts[parameter] = _square(parameter)

        def before_step(_: Any) -> None:
            self._num_optimizer_steps += 1
            self._found += [_size(one.grad, one) for one in followed]

        if followed:
            self._hooks.append(before_update(self.watched.optimizer, before_step))

    def _at_backward(self, parameter: Tensor) -> Any:
        def read(gradient: Tensor) -> None:
            self._incoming.append(_size(gradient, parameter))
            self._stale.append(_size(parameter.grad, parameter))

        return read

    def after_look(self, step: Step) -> Signals:
        """Compare the gradients, and look for parameters that the optimizer lacks."""
        self.remove()
        signals: Signals = {}
        if self._num_optimizer_steps == 1 and self._incoming:
            stale, incoming = torch.stack(self._stale), torch.stack(self._incoming)
            has_gradient = incoming.max() > 0
            # Parameters without any gradient so far have nothing to be zeroed.
            signals["gradient_stale"] = (((stale > 0) | (incoming == 0)).all() & has_gradient).int()
            signals["gradient_erased"] = ((torch.stack(self._found).max() == 0) & has_gradient).int()
        else:
            # Accumulation over several calls, skipped steps and other patterns are not judged.
            signals["gradient_stale"] = signals["gradient_erased"] = 0
        signals["all_frozen"] = int(not any(one.requires_grad for one in self.watched.model.parameters()))
        self._has_stepped |= self._num_optimizer_steps > 0
        self._num_looks_with_gradient += any(bool(size > 0) for size in self._incoming)
        missing = self._not_held()
        if missing and self._num_steps >= _LEAST_STEPS:
            signals["parameters_not_held"] = missing
            last = [name for name, one in self.watched.model.named_parameters() if one.requires_grad][-1]
            signals["last_not_held"] = int(last in missing)
        return signals

    def _never_stepped(self) -> bool:
        """Return whether there were gradients and no step; a step by other means moves a parameter."""
        is_judged = self._num_looks_with_gradient >= _LEAST_LOOKS and self._num_steps >= _LEAST_STEPS
        if self._has_stepped or not is_judged:
            return False
        return all(torch.equal(start, _square(one)) for one, start in self._followed_starts.items())

    def _not_held(self) -> list[str]:
        """Return the names of parameters with a gradient that are not held and did not move."""
        held = self._held()
        missing = []
        for name, parameter in self.watched.model.named_parameters():
            if id(parameter) in held or not parameter.requires_grad or parameter.grad is None:
                continue
            # One number per tensor shows any update, also by another optimizer, and takes no memory.
            size = _square(parameter)
            start = self._starts.setdefault(name, size)
            if torch.equal(start, size) and _size(parameter.grad, parameter) > 0:
                missing.append(name)
        return missing

    def _held(self) -> set[int]:
        groups = self.watched.optimizer.param_groups
        return {id(parameter) for group in groups for parameter in group["params"]}

    def at_step(self, step: Step) -> None:
        """Count learning rates and modes."""
        self._num_steps += 1
        self._num_in_eval += not step.is_training
        self._num_eval_to_end = 0 if step.is_training else self._num_eval_to_end + 1
        rates = [group["lr"] for group in self.watched.optimizer.param_groups]
        # Most loops keep their rates for long. Tensors are never read: they may be on a device.
        if rates != self._last_rates:
            if any(isinstance(rate, Tensor) for rate in rates):
                return
            self._last_rates = rates
            # Schedules that change at every step would fill the table: two digits are enough.
            self._rounded_rate = float(f"{float(max(rates)):.1e}")
        self._rates[self._rounded_rate] = self._rates.get(self._rounded_rate, 0) + 1

    def at_repeats(self, number: int) -> None:
        """Count the same rates and mode again."""
        self._num_steps += number
        self._rates[self._rounded_rate] += number
        if self._num_eval_to_end:
            self._num_in_eval += number
            self._num_eval_to_end += number

    def at_validation(self, step: Step) -> Signals:
        """Return whether validation runs in training mode although that makes a difference."""
        if step.is_training and (self._has_batch_norm or self._largest_dropout > 0):
            return {
                "validated_in_training": 1,
                "has_batch_norm": int(self._has_batch_norm),
                "largest_dropout": self._largest_dropout,
            }
        return {"validated_in_training": 0}

    def at_end(self) -> Signals:
        """Return the shares of steps."""
        if not self._num_steps:
            return {}
        signals: Signals = {
            "trained_in_eval_share": self._num_in_eval / self._num_steps,
            "eval_to_end_share": self._num_eval_to_end / self._num_steps,
            "has_batch_norm": int(self._has_batch_norm),
            "largest_dropout": self._largest_dropout,
            "weight_decay": max(
                float(one.get("weight_decay", 0)) for one in self.watched.optimizer.param_groups
            ),
            "never_stepped": int(self._never_stepped()),
        }
        if self._unregistered is not None:
            signals["unregistered_modules"] = self._unregistered
        if self._frozen_layer is not None:
            signals["recurrent_frozen"] = self._frozen_layer
        if self._rates:
            largest = max(self._rates)
            ended = sum(count for rate, count in self._rates.items() if rate < ENDED_RATE * largest)
            signals["rate_ended_share"] = ended / self._num_steps
            signals["rate_zero_share"] = self._rates.get(0.0, 0) / self._num_steps
        return signals

    def remove(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


def _size(gradient: Tensor | None, like: Tensor) -> Tensor:
    """Return the largest entry of a gradient, on the device of `like`; 0 if there is none."""
    if gradient is None or gradient.is_sparse:
        return torch.zeros((), device=like.device)
    return gradient.detach().abs().max().float()


def _square(parameter: Tensor) -> Tensor:
    """Return the sum of a parameter's squares, on the host; in double precision any update changes it."""
    return parameter.detach().double().square().sum().cpu()


def _is_batch_norm(layer: nn.Module) -> bool:
    return isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats


def _dropout(layer: nn.Module) -> float:
    if isinstance(layer, nn.modules.dropout._DropoutNd):
        return float(layer.p)
    return float(layer.dropout) if isinstance(layer, nn.RNNBase) and layer.num_layers > 1 else 0.0
