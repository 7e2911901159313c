"""Padding that a recurrent layer reads before its last step is used."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from failmap.search.trial.probes.common import Signals
from failmap.watcher.examples.host_batch import host_batch
from failmap.watcher.examples.trailing_runs import trailing_runs
from failmap.watcher.observer import Observer, Step, Watched


class PaddingObserver(Observer):
    """Measures padding at the ends of sequences, and how much of the gradient reaches the last step only.

    Signal: `padding`, the fields of `TrailingRuns` and `last_step`: the share of the loss's gradient with
    respect to a recurrent layer's outputs at the last step and at the last state; absent if the layer gets
    packed sequences, runs in both directions, or has one target per step.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._hooks: list[RemovableHandle] = []
        #: Squared norms of gradients: at the last step, and at all steps.
        self._last: list[Tensor] = []
        self._all: list[Tensor] = []
        self._is_excluded = False

    def before_look(self) -> None:
        """Set hooks on the uppermost recurrent layers: those that the model runs last."""
        self.remove()
        self._last, self._all, self._is_excluded = [], [], False
        layers = [part for part in self.watched.model.modules() if isinstance(part, nn.RNNBase)]
        # Of several stacked layers all but the last hand on every step.
        self._hooks = [layer.register_forward_hook(self._observe) for layer in layers[-1:]]

    def _observe(self, layer: nn.Module, arguments: tuple[Any, ...], results: Any) -> None:
        assert isinstance(layer, nn.RNNBase)
        given = arguments[0] if arguments else None
        if isinstance(given, PackedSequence) or not isinstance(results, tuple) or layer.bidirectional:
            self._is_excluded = True
            return
        outputs, states = results
        if not isinstance(outputs, Tensor) or outputs.ndim != 3:
            self._is_excluded = True
            return
        time = 1 if layer.batch_first else 0

        def at_outputs(gradient: Tensor) -> None:
            """Measure the gradient with respect to the outputs of all steps."""
            squares = gradient.detach().float().square()
            self._last.append(squares.select(time, -1).sum())
            self._all.append(squares.sum())

        def at_state(gradient: Tensor) -> None:
            """Measure the gradient with respect to the last state."""
            squares = gradient.detach().float().square().sum()
            self._last.append(squares)
            self._all.append(squares)

        if outputs.requires_grad:
            outputs.register_hook(at_outputs)
            for state in states if isinstance(states, tuple) else (states,):
                state.register_hook(at_state)

    def after_look(self, step: Step) -> Signals:
        """Return the signal of one batch."""
        self.remove()
        batch = host_batch(step, self.watched)
        if self._is_excluded or not self._all or batch is None or batch.is_by_step or batch.is_ambiguous:
            return {}
        runs = trailing_runs(batch.inputs)
        last, total = torch.stack(self._last).sum(), torch.stack(self._all).sum()
        self._last, self._all = [], []
        if runs is None or not bool(total > 0):
            return {}
        return {"padding": {**runs._asdict(), "last_step": float(last / total)}}

    def remove(self) -> None:
        """Remove every hook."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
