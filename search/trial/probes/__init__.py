"""Signals measured at each evaluation besides loss and score; docs/signals.md lists names and units."""

from failmap.search.trial.probes.common import Signals, is_probed, rounded, to_host
from failmap.search.trial.probes.states import state_signals
from failmap.search.trial.probes.update import UpdateProbe, loss_signals

__all__ = [
    "Signals",
    "UpdateProbe",
    "is_probed",
    "loss_signals",
    "rounded",
    "state_signals",
    "to_host",
]
