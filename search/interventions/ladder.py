"""The ladder of a failing cell: the fixes to try in order, with a negative control."""

from collections.abc import Sequence

from failmap.analysis.diagnosis import CAUSES, CONTROLS, REMEDIES, Cause, FixName
from failmap.search.interventions.fixes import changes_of, more_updates
from failmap.search.interventions.plan import (
    START_SHORTER,
    Changes,
    Step,
    WarmStart,
    effective_changes,
    has_stored_weights,
    make_step,
)
from failmap.search.trial.config import TrialConfig

#: Causes that are easily confused: the fix of the other one is tried even if it was not suspected.
_RIVALS: dict[Cause, tuple[Cause, ...]] = {
    "vanishing_in_time": ("vanishing_in_depth", "oscillating"),
    "vanishing_in_depth": ("vanishing_in_time", "oscillating"),
}
#: Rivals of any cause, after those that were suspected.
_COMMON_RIVALS: tuple[Cause, ...] = ("vanishing_in_depth", "vanishing_in_time", "oscillating", "too_slow")


def ladder(
    config: TrialConfig,
    cause: Cause,
    suspected: Sequence[Cause],
    warm_start: WarmStart | None,
    *,
    named: Sequence[tuple[FixName, Changes]] = (),
    updates_needed: float | None = None,
) -> tuple[Step, ...]:
    """Return the applicable fixes: those that a check named, then those of the cause in order, with a
    negative control after the first of them.

    The negative control is a fix of another cause. A cause is confirmed only if its own fix works and the
    negative control does not. If a check named a fix of another cause, that one is the control.

    Args:
        config: Configuration of the failed trials.
        cause: Their cause.
        suspected: Other causes, the likeliest first.
        warm_start: Trial to start from; None if no shorter cell learned.
        named: Fixes that checks of this configuration named, with their changes.
        updates_needed: Updates after which the failed trials would have learned, at their pace, if known.
    """
    first = [make_step(config, name, changes, addressed(name, cause)) for name, changes in named]
    names = {step.name for step in first}
    own = [
        step
        for name in REMEDIES[cause]
        if name not in names and (step := fix_step(name, cause, config, warm_start, updates_needed))
    ]
    has_control = any(step.cause != cause for step in first)
    if (first or own) and cause != "unknown" and not has_control:
        control = _negative_control(config, cause, suspected)
        own[0 if first else 1 : 0 if first else 1] = [control] if control else []
    return (*first, *own)


def addressed(name: FixName, suspected: Cause) -> str:
    """Return the cause that a fix addresses: the suspected one, or the one on whose ladder it stands highest;
    '' if it is on none."""
    if name in REMEDIES[suspected]:
        return suspected
    known = [cause for cause in CAUSES if cause != "unknown" and name in REMEDIES[cause]]
    return min(known, key=lambda cause: REMEDIES[cause].index(name), default="")


def fix_step(
    name: FixName,
    cause: Cause,
    config: TrialConfig,
    warm_start: WarmStart | None,
    updates_needed: float | None = None,
) -> Step | None:
    """Return a fix as a step, or None if it does not apply."""
    if name == START_SHORTER:
        # The weights do not exist yet: any name of a trial shows whether the network can start from them.
        can_start = not has_stored_weights(config) and effective_changes(
            config, {"model.start_from": "run/0"}
        )
        if warm_start is None or not can_start:
            return None
        return make_step(config, START_SHORTER, {}, cause, warm_start)
    if name == "more_updates" and updates_needed is not None:
        changes = more_updates(config, updates_needed)
    else:
        changes = changes_of(name, config)
    return make_step(config, name, changes, cause) if changes else None


def _negative_control(config: TrialConfig, cause: Cause, suspected: Sequence[Cause]) -> Step | None:
    """Return the first applicable fix of a rival cause that is not a fix of this cause, if there is one."""
    known = {*REMEDIES[cause], *CONTROLS, START_SHORTER}
    steps = (
        fix_step(name, rival, config, None)
        for rival in dict.fromkeys([*_RIVALS.get(cause, ()), *suspected, *_COMMON_RIVALS])
        # A fix of `unknown` would refute nothing.
        if rival not in (cause, "unknown")
        for name in REMEDIES[rival]
        if name not in known
    )
    return next(filter(None, steps), None)
