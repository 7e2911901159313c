"""The optimizer's step in somebody's loop: gradients, changes of weights, clipping, frozen parameters."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.hooks import RemovableHandle

from failmap.search.trial.probes.common import Signals
from failmap.search.trial.probes.update import UpdateProbe, norms_of
from failmap.watcher.final_gradients import before_update
from failmap.watcher.guard import Guard
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.parts import is_compiled, named_parameters, parts_of

#: A gradient that is smaller than this share of what was accumulated has been clipped.
CLIPPED_BELOW = 0.999
#: Largest relative difference between the factors of parameters that were clipped by one norm.
UNIFORM = 1e-3
#: Largest distance of a factor's binary logarithm from a whole number at which it counts as a power of two.
POWER_OF_TWO = 1e-6


class UpdateObserver(Observer):
    """Measures one step of the optimizer, as UpdateProbe does in our own trainings.

    Gradients are read when the optimizer is about to change the weights, after a closure if there is one, so
    that a GradScaler has removed its factor, or has left it to a fused optimizer in `optimizer.grad_scale`.
    A step that such an optimizer skips, because a gradient is not finite, is not reported.

    Parameters that were frozen when watching began are not reported as `frozen_parameters`: position tables,
    pretrained embeddings and, in transfer learning, whole networks are frozen on purpose. Those that are
    frozen later are listed. Parts that the optimizer does not hold are trained by another one or not at all,
    which LoopObserver finds out: their changes are not reported.

    If all gradients together shrink by one factor between the backward pass and the step, they were clipped
    by their norm, which is reported as `clip_norm_seen`; `gradient_norm` and `gradient_norm_by_layer` are
    then those before clipping, as everywhere in Failmap. Nothing is concluded where gradients change for
    other reasons: averages over processes, and mixed precision, whose scale a GradScaler
    removes in between. The same holds for
    compiled models, which hooks would compile again.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        parameters = named_parameters(watched.model)
        self._frozen_at_start = {name for name, p in parameters.items() if not p.requires_grad}
        self._guard = Guard()
        self._handles: list[RemovableHandle] = []
        self._probe: UpdateProbe | None = None
        self._accumulated: dict[nn.Parameter, Tensor] = {}
        self._before_clipping: dict[nn.Parameter, Tensor] = {}
        self._at_step: dict[nn.Parameter, Tensor] = {}
        self._is_scaled = self._was_clipped = False

    def before_look(self) -> None:
        """Set hooks on the optimizer and on the gradients."""
        self.remove()
        optimizer = self.watched.optimizer
        self._handles = [
            before_update(optimizer, self._guard(self._before_step)),
            optimizer.register_step_post_hook(self._guard(self._after_step)),
        ]
        model = self.watched.model
        if is_compiled(model) or any(isinstance(m, DistributedDataParallel) for m in model.modules()):
            return
        self._handles += [
            parameter.register_post_accumulate_grad_hook(self._guard(self._after_accumulation))
            for parameter in named_parameters(model).values()
            if parameter.requires_grad
        ]
        owners = [m for m in model.modules() if next(m.parameters(recurse=False), None) is not None]
        self._handles += [
            module.register_forward_pre_hook(self._guard(self._before_forward)) for module in owners
        ]

    def after_look(self, step: Step) -> Signals:
        """Return the signals of the optimizer's last step; only the learning rate if there was none."""
        self._guard.raise_error()
        signals: Signals = {}
        rate = self.watched.optimizer.param_groups[0].get("lr")
        if rate is not None:
            signals["learning_rate"] = float(rate)
        found = getattr(self.watched.optimizer, "found_inf", None)
        is_skipped = isinstance(found, Tensor) and bool(found)
        if self._probe is not None and "weight" in self._probe.measured and not is_skipped:
            signals |= self._probe.signals()
            frozen = [
                name for name in signals.pop("frozen_parameters", []) if name not in self._frozen_at_start
            ]
            if frozen:
                signals["frozen_parameters"] = frozen
            self._leave_out_others(signals)
            self._undo_clipping(signals)
        self.remove()
        return signals

    def remove(self) -> None:
        """Remove every hook, and drop what was measured."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._probe = None
        self._accumulated, self._before_clipping, self._at_step = {}, {}, {}
        self._is_scaled = False

    def _before_forward(self, module: nn.Module, args: Any) -> None:
        self._is_scaled |= torch.is_autocast_enabled(next(module.parameters(recurse=False)).device.type)

    @torch.no_grad()
    def _after_accumulation(self, parameter: Tensor) -> None:
        if isinstance(parameter, nn.Parameter) and parameter.grad is not None:
            (self._accumulated[parameter],) = norms_of([_dense(parameter.grad)])

    @torch.no_grad()
    def _before_step(self, optimizer: Any) -> None:
        parameters = named_parameters(self.watched.model)
        trained = [p for p in parameters.values() if p.requires_grad]
        if not trained:
            return
        self._probe = UpdateProbe(parameters, parts_of(self.watched.model))
        scale = getattr(optimizer, "grad_scale", None)
        self._is_scaled |= scale is not None
        self._probe.after_backward(scale=scale)
        with_gradient = [p for p in trained if p.grad is not None]
        if with_gradient:
            norms = norms_of([_dense(p.grad) for p in with_gradient if p.grad is not None])
            self._at_step = dict(zip(with_gradient, norms.unbind(), strict=True))
            # A closure may be called again within the step, with other weights.
            self._before_clipping = dict(self._accumulated)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._probe is not None:
            self._probe.after_step()

    def _leave_out_others(self, signals: Signals) -> None:
        """Remove the changes of what the optimizer does not hold."""
        held = {id(p) for group in self.watched.optimizer.param_groups for p in group["params"]}
        others = {name for name, p in named_parameters(self.watched.model).items() if id(p) not in held}
        if not others:
            return
        parts = parts_of(self.watched.model)
        ratios = signals["update_ratio_by_layer"]
        signals["update_ratio_by_layer"] = {
            part: ratio for part, ratio in ratios.items() if any(id(p) in held for p in parts[part])
        }
        unmoved = [name for name in signals.pop("unmoved_parameters", []) if name not in others]
        if unmoved:
            signals["unmoved_parameters"] = unmoved

    def _undo_clipping(self, signals: Signals) -> None:
        """Add `clip_norm_seen`, and replace the gradients' norms by those before clipping, if any."""
        shared = [p for p in self._at_step if p in self._before_clipping]
        if self._is_scaled or not shared or len(shared) < len(self._at_step):
            return
        before = torch.stack([self._before_clipping[p].double().cpu() for p in shared])
        after = torch.stack([self._at_step[p].double().cpu() for p in shared])
        total_before, total_after = before.norm().item(), after.norm().item()
        if not 0 < total_after < CLIPPED_BELOW * total_before < torch.inf:
            signals["clipping_seen"] = int(self._was_clipped)
            return
        factor = total_before / total_after
        # A GradScaler without autocast: its scale is a power of two.
        if abs(math.log2(factor) - round(math.log2(factor))) < POWER_OF_TWO:
            return
        self._was_clipped = True
        signals["clipping_seen"] = 1
        # Of tiny gradients the factor is lost in rounding.
        if bool(((after * factor - before).abs() <= UNIFORM * before + 1e-6 * total_before).all()):
            signals["clip_norm_seen"] = total_after
            signals["gradient_norm"] *= factor
            by_layer = signals["gradient_norm_by_layer"]
            signals["gradient_norm_by_layer"] = {part: norm * factor for part, norm in by_layer.items()}


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient
