"""Watching inside an own training function: what is seen goes into the reports of its trial."""

import sys
from typing import Any

from torch import nn
from torch.optim import Optimizer

from failmap.search.trial.probes.common import Signals
from failmap.watcher.looks import Looks
from failmap.watcher.observation import Observation
from failmap.watcher.trial_recording import TrialRecording
from failmap.watcher.verdict import Verdict

_WATCHED_ALREADY = "trial.watch: this trial is watched already: close the other watch first"


class TrialWatch(Observation):
    """Watches the training of a trial. It writes nothing: `trial.report` takes what it has seen.

    Steps are looked at by their number alone, so that the same training gives the same signals.

    Args:
        model, optimizer, loss_fn, metric, chance, time_dim: As of `Observation`.
        is_trial_watched: Whether the trial has a watch already, so that this one records nothing.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: Any = None,
        *,
        is_trial_watched: bool = False,
        metric: str | None = None,
        chance: float | None = None,
        time_dim: int | None = None,
    ) -> None:
        self._has_final = False
        super().__init__(
            model,
            optimizer,
            loss_fn,
            looks=Looks(has_limit=False),
            recording=TrialRecording,
            refusal=_WATCHED_ALREADY if is_trial_watched else "",
            metric=metric,
            chance=chance,
            time_dim=time_dim,
        )

    def report(self) -> Signals:
        """Return the signals since the last report; none if nothing could be watched."""
        return self._taken(is_over=False)

    def end(self) -> Signals:
        """End the watch, and return the signals since the last report and of the whole training."""
        self.close()
        return self._taken(is_over=True)

    def close(self) -> None:
        """End the watch; what it has seen goes into the next report, or else into the last one."""
        if not self.can_record or self._has_final:
            return
        self._has_final = True
        with self._guarded():
            self._add_final()
        self._is_closed = True
        self.detach()

    def verdict(self) -> Verdict | None:
        """Return what rules say of the training so far; None if nothing could be watched."""
        verdict = None
        with self._guarded():
            if self.can_record:
                verdict = self._recording.write(None, is_over=self._has_final)
        return verdict

    def _taken(self, *, is_over: bool) -> Signals:
        signals: Signals = {}
        with self._guarded():
            if self.can_record:
                assert isinstance(self._recording, TrialRecording)
                signals = self._recording.taken(is_over=is_over)
                self._num_plain = 0  # The first steps of a report are seen whole.
        return signals

    def _tell(self, problem: str) -> None:
        # Where the prints of the function go: Python shows a warning once per process, not per trial.
        print(f"failmap: {problem}", file=sys.stderr)
