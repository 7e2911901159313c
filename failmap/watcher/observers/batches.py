"""What single batches show: the scale of inputs and targets, classes, and the spread of outputs."""

from collections import Counter

import numpy as np
import torch
from torch import nn

from failmap.datasets.task import Batch
from failmap.search.trial.probes.common import Signals, to_host
from failmap.search.trial.probes.probe import input_scale
from failmap.watcher.examples.classes import MAX_CLASSES, classes_of, majority_share
from failmap.watcher.examples.host_batch import Array, HostBatch, as_features, host_batch
from failmap.watcher.observer import Observer, Step, Watched

#: Targets below which the share of a class in one batch means nothing.
_MIN_TARGETS = 16


class BatchObserver(Observer):
    """Measures the batches of looks.

    Signals: `input_scale` of features; `majority_share` and `predicted_majority_share` of targets and
    outputs that are classes; `output_spread_share`, the outputs' standard deviation in units of the targets'
    where both are values; at the end `class_counts` by class, and `target_moments` of values.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._counts: Counter[int] = Counter()
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    def after_look(self, step: Step) -> Signals:
        """Return the signals of one batch."""
        batch = host_batch(step, self.watched)
        if batch is None or not len(batch):
            return {}
        signals: Signals = {}
        if self._are_features(batch.inputs):
            values = torch.from_numpy(as_features(batch.inputs))
            signals["input_scale"] = to_host(input_scale(Batch(values, torch.from_numpy(batch.targets))))
        return signals | self._of_targets(batch)

    def _of_targets(self, batch: HostBatch) -> Signals:
        shown = classes_of(batch, self.watched.loss_fn)
        if shown is None:
            return self._of_values(batch)
        wanted, predicted = shown
        self._counts.update(wanted.tolist())
        if wanted.size < _MIN_TARGETS:
            return {}
        signals: Signals = {"majority_share": majority_share(wanted)}
        if predicted is not None:
            signals["predicted_majority_share"] = majority_share(predicted)
        return signals

    def _of_values(self, batch: HostBatch) -> Signals:
        values = batch.targets
        if not np.isfinite(values).all():
            return {}
        self._count += values.size
        self._sum += float(values.sum())
        self._squares += float(np.square(values).sum())
        outputs, spread = batch.outputs, float(values.std())
        if outputs is None or outputs.size != values.size or not spread > 0:
            return {}
        return {"output_spread_share": float(outputs.std()) / spread}

    def at_end(self) -> Signals:
        """Return the counts of classes, or the moments of values, over all looks."""
        signals: Signals = {}
        if 0 < len(self._counts) <= MAX_CLASSES:
            signals["class_counts"] = {str(name): count for name, count in self._counts.most_common()}
        if self._count and not self._counts:
            mean = self._sum / self._count
            deviation = max(0.0, self._squares / self._count - mean**2) ** 0.5
            signals["target_moments"] = {"mean": mean, "deviation": deviation}
        return signals

    def _are_features(self, inputs: Array) -> bool:
        """Return whether inputs have a scale: tokens, also as floats, and codes of 0 and 1 have none."""
        if inputs.dtype.kind != "f" or np.isin(inputs, (0.0, 1.0)).all():
            return False
        is_embedded = any(isinstance(part, nn.Embedding) for part in self.watched.model.modules())
        return not (is_embedded and bool((inputs == np.round(inputs)).all()))
