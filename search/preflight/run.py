"""A whole preflight: which trials, in which order, within which time."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import torch

from failmap.search.config import RunConfig
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.order import CHECKS, Check, check_trial
from failmap.search.preflight.rates import try_rates
from failmap.search.preflight.report import Report, TrialReport
from failmap.search.preflight.selection import Candidate, select
from failmap.search.preflight.subject import Subject

#: Seconds of a whole preflight, so that it ends within a minute of its start.
TOTAL_SECONDS = 50.0
#: Seconds of one trial's training by heart, where there is time for all.
MIN_PATIENCE_SECONDS, MAX_PATIENCE_SECONDS = 1.0, 6.0
#: Share of a trial's time that training by heart may take.
_PATIENCE_SHARE = 0.5


def preflight(
    config: RunConfig,
    *,
    total_seconds: float = TOTAL_SECONDS,
    picture: Path | None = None,
    on_trial: Callable[[str], None] = lambda name: None,
) -> Report:
    """Checks the smallest trials of each kind, then the largest, until the time is up.

    Args:
        config: whose trials to check.
        total_seconds: for all of it.
        picture: where to save the picture of a range test of the first trial; none: no such test.
        on_trial: is told each trial's name before it is checked.
    """
    started = monotonic()
    deadline = started + total_seconds
    # As trials have them: small networks are slower on more threads, and so would be their checks.
    torch.set_num_threads(config.cluster.cpus_per_trial)
    selection = select(config.space, config.seed)
    waiting = [*selection.smallest, *selection.largest]
    rates = None
    if picture is not None:
        on_trial(f"learning rates, {waiting[0].name}")
        rates = try_rates(waiting[0], picture)
    trials: list[TrialReport] = []
    while waiting and monotonic() < deadline:
        candidate = waiting.pop(0)
        on_trial(candidate.name)
        share = (deadline - monotonic()) / (len(waiting) + 1) * _PATIENCE_SHARE
        patience = min(MAX_PATIENCE_SECONDS, max(MIN_PATIENCE_SECONDS, share))
        trials.append(_check(candidate, CHECKS, patience, deadline))
    left_out = (*(f"{candidate.name}: no time left" for candidate in waiting), *selection.left_out)
    title = trials[0].name if len(trials) == 1 and not left_out else f"space {config.space.name}"
    return Report(title, tuple(trials), left_out, monotonic() - started, rates)


def _check(candidate: Candidate, checks: tuple[Check, ...], patience: float, deadline: float) -> TrialReport:
    """One trial; that it cannot be built is a finding."""
    started = monotonic()
    try:
        with torch.random.fork_rng(devices=[]):
            subject = Subject(candidate.config, patience_seconds=patience)
            return check_trial(subject, candidate.name, checks, deadline)
    except Exception as error:
        # Whatever a task or a network raises while it is built: told by its name, beside the other trials.
        message = f"cannot be built: {type(error).__name__}: {error}"
        finding = Finding("fail", message, float("nan"), "", "mend what the message names")
        return TrialReport(candidate.name, candidate.config, {"build": finding}, {}, monotonic() - started)
