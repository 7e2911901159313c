"""One training of which it is known what is wrong with it, if anything."""

from dataclasses import dataclass
from typing import Literal, get_args

from failmap.analysis.diagnosis import Cause
from failmap.search.trial.config import TrialConfig

#: Thresholds are set on the tuning half; the unseen half has other tasks and shapes, and judges them.
Half = Literal["tuning", "unseen"]
HALVES: tuple[Half, ...] = get_args(Half)

#: What a healthy training looks like while it learns.
#:
#: `plain`: nothing special. `slow`: a learning rate of a third or less of what is good, and updates enough.
#: `noisy`: batches of a few sequences. `plateau_then_jump`: a loss that stands still for long, and then falls
#: within a few evaluations.
KindOfHealthy = Literal["", "plain", "slow", "noisy", "plateau_then_jump"]


@dataclass(frozen=True)
class Case:
    """One labelled training.

    Attributes:
        name: unique, and the name of its folder.
        label: what is wrong with it; 'none' for a healthy one.
        half: which half of the benchmark it is in.
        family: task, network and length, as in 'adding lstm 1x24 T=20'; no family is in both halves.
        severity: how hard the fault is, in a word or two: 'rate x30', 'half of the layers'.
        config: what is trained.
        fault: the name of a fault that is planted through code (`faults.FAULTS`); None for one that is in
            the configuration.
        twin: the name of the healthy case that differs from it in exactly one thing, the fault; None for a
            healthy case.
        kind_of_healthy: '' for a faulty one.
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
        """Whether nothing is wrong with it."""
        return self.label == "none"
