"""What a sample of the examples shows at the end: dependence, alignment, forecasts, shared rows."""

from collections import deque

from torch import nn

from failmap.search.trial.probes.common import Signals
from failmap.watcher.examples.alignment import later_input, other_row, share_of_inputs
from failmap.watcher.examples.dependence import dependence
from failmap.watcher.examples.forecasts import before_window, copies_last, increment_dependence
from failmap.watcher.examples.host_batch import HostBatch, host_batch
from failmap.watcher.examples.store import Examples, ExampleStore
from failmap.watcher.examples.training_set import updates_per_epoch
from failmap.watcher.examples.two_parts import shared_rows, shift
from failmap.watcher.observer import Observer, Step, Watched

#: The latest batches whose outputs are compared with the last input values.
_NUM_LATE = 4
#: Steps at the end of a sequence that the gradient of every untrained network reaches, examples of which they
#: are tested, and p from which on the whole sequence is known to matter.
_LATE_STEPS, _NUM_PROBED, _FOUND = 10, 600, 0.05
#: Training batches from which on their range says something of the training set.
_MIN_BATCHES = 8
#: Layers that see every step, or later ones.
_SEE_FUTURE = (nn.MultiheadAttention, nn.Conv1d, nn.Conv2d, nn.Transformer, nn.TransformerEncoderLayer)


class ExampleObserver(Observer):
    """Keeps a bounded sample of examples, and tests it at the end.

    Signals at the end: `label_dependence`, `late_dependence`, `later_input`, `other_row`, `copies_last`,
    `increment_dependence`, `before_window` and `shared_rows`, each a dict of numbers, and the numbers
    `own_input`, `later_input_share`, `updates_per_epoch`, `target_shift`, `mean_shift` and `input_shift`;
    where the examples allow it.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._train, self._validation = ExampleStore(), ExampleStore()
        self._late: deque[HostBatch] = deque(maxlen=_NUM_LATE)
        self._late_validation: deque[HostBatch] = deque(maxlen=_NUM_LATE)
        parts = list(watched.model.modules())
        self._is_embedded = any(isinstance(part, nn.Embedding) for part in parts)
        self._sees_future = any(
            isinstance(part, _SEE_FUTURE) or getattr(part, "bidirectional", False) for part in parts
        )
        self._is_bidirectional = any(isinstance(part, nn.RNNBase) and part.bidirectional for part in parts)
        self._is_recurrent = any(isinstance(part, nn.RNNBase | nn.RNNCellBase) for part in parts)

    def after_look(self, step: Step) -> Signals:
        """Keep a batch."""
        self._keep(step, self._train, self._late)
        return {}

    def at_validation(self, step: Step) -> Signals:
        """Keep a batch of validation."""
        self._keep(step, self._validation, self._late_validation)
        return {}

    def _keep(self, step: Step, store: ExampleStore, late: "deque[HostBatch]") -> None:
        batch = host_batch(step, self.watched)
        if batch is not None and len(batch):
            store.add(batch)
            late.append(batch)

    def at_end(self) -> Signals:
        """Test the examples."""
        train, validation = self._train.examples(), self._validation.examples()
        signals: Signals = {}
        if train is not None:
            signals |= self._of_training(train.distinct(), train)
        # Training and validation may differ: outside of its range a network does not even repeat.
        parts = (copies_last(list(late)) for late in (self._late_validation, self._late))
        copies = min((one for one in parts if one is not None), key=lambda one: one.distance, default=None)
        if copies is not None:
            signals["copies_last"] = copies._asdict()
        if train is not None and validation is not None:
            signals |= shared_rows(self._train, validation)
            if len(self._train.meetings) >= _MIN_BATCHES:
                signals |= shift(train, validation)
        return signals

    def _of_training(self, distinct: Examples, train: Examples) -> Signals:
        found = {
            "later_input": later_input(distinct, is_embedded=self._is_embedded)
            if self._is_recurrent and not self._sees_future
            else None,
            "before_window": before_window(distinct),
            "increment_dependence": increment_dependence(distinct),
        }
        own = None
        if not distinct.is_by_step:
            own = dependence(distinct.inputs, distinct.targets, is_embedded=self._is_embedded)
            found["label_dependence"] = own
            if own is not None and own.p <= _FOUND and distinct.inputs.shape[1] >= 2 * _LATE_STEPS:
                found["late_dependence"] = dependence(
                    distinct.inputs[:_NUM_PROBED, -_LATE_STEPS:],
                    distinct.targets[:_NUM_PROBED],
                    is_embedded=self._is_embedded,
                )
        signals: Signals = {name: test._asdict() for name, test in found.items() if test is not None}
        reads_later = self._is_bidirectional
        if self._is_recurrent and (reads_later or not self._sees_future):
            copied = share_of_inputs(distinct, lag=1 if reads_later else 0)
            if copied is not None:
                signals["later_input_share" if reads_later else "own_input"] = copied
        per_epoch = updates_per_epoch(self._train, train)
        if per_epoch is not None:
            signals["updates_per_epoch"] = per_epoch
        # The test takes longest of all: once is enough if no example repeats another.
        tested = own if len(distinct.inputs) == len(train.inputs) else None
        shifted = other_row(train, is_embedded=self._is_embedded, tested=tested)
        if shifted is not None:
            signals["other_row"] = {
                "offset": shifted.offset,
                "other": max(shifted.other.linear, shifted.other.neighbour),
                "p": shifted.other.p,
                "own": max(shifted.own.linear, shifted.own.neighbour),
            }
        return signals
