"""A training whose fault, if any, is known."""

from dataclasses import dataclass
from typing import Literal, get_args

from failmap.analysis.diagnosis import Cause
from failmap.search.trial.config import TrialConfig

#: Thresholds are set on the tuning half, and evaluated on the unseen half, which has other tasks and shapes.
#: The third set has other families again, and kinds of trainings that the first two have few of: still
#: rising, overfitted, shifted, not predictable. It was read at revision 838bba3 and is used for tuning
#: since. The fourth set has the same kinds on families of its own, and is unseen.
Half = Literal["tuning", "unseen", "third", "fourth"]
HALVES: tuple[Half, ...] = get_args(Half)

#: How a healthy training learns, or '' for a faulty one.
#:
#: `plain`: nothing special. `slow`: at most a third of a good learning rate, with enough updates. `noisy`:
#: batches of a few sequences. `plateau_then_jump`: a loss that is constant for long and then falls within a
#: few evaluations.
KindOfHealthy = Literal["", "plain", "slow", "noisy", "plateau_then_jump"]


@dataclass(frozen=True)
class Case:
    """One labelled training.

    Attributes:
        name: unique name, also of its folder.
        label: cause of failure; 'none' for a healthy case.
        half: half of the benchmark, or its third or fourth set.
        family: task, network and length, such as 'adding lstm 1x24 T=20'; no family is in two of them.
        severity: short description of the fault: 'rate x30', 'half of the layers'.
        config: configuration of the trial.
        fault: name of a fault in code (`faults.FAULTS`); None if the fault is in the configuration.
        twin: name of the healthy case that differs in the fault only; None for a healthy case.
        kind_of_healthy: how a healthy case learns.
    """

    name: str
    label: Cause
    half: Half
    family: str
    severity: str
    config: TrialConfig
    fault: str | None = None
    twin: str | None = None
    kind_of_healthy: KindOfHealthy = ""

    @property
    def is_healthy(self) -> bool:
        """Return whether it has no fault."""
        return self.label == "none"
