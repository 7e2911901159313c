"""The steps of a cell that fails: the fixes of its cause, and one that is meant against another cause."""

from collections.abc import Iterable, Iterator, Sequence

from failmap.analysis.diagnosis import CONTROLS, REMEDIES, Cause, FixName
from failmap.search.cost import relative_cost
from failmap.search.interventions.fixes import changes_of
from failmap.search.interventions.plan import AS_IT_WAS, START_SHORTER, Donor, Step
from failmap.search.interventions.settings import apply, fits
from failmap.search.trial.config import TrialConfig

#: A trial of nearly no learning rate never learns: what is read from it needs no second seed.
ONE_SEED: frozenset[FixName] = frozenset({"zero_rate"})
#: Causes that are easily taken for each other: the other one's fix is tried even if nobody suspected it.
_RIVALS: dict[Cause, tuple[Cause, ...]] = {
    "vanishing_in_time": ("vanishing_in_depth", "oscillating"),
    "vanishing_in_depth": ("vanishing_in_time", "oscillating"),
}
#: Rivals of all other causes, after those that were suspected.
_COMMON_RIVALS: tuple[Cause, ...] = ("vanishing_in_depth", "vanishing_in_time", "oscillating", "too_slow")


def base_step(config: TrialConfig, num_seeds: int) -> Step:
    """The base as it was."""
    return Step(AS_IT_WAS, {}, "", num_seeds, relative_cost(config))


def ladder(
    config: TrialConfig, cause: Cause, suspected: Sequence[Cause], donor: Donor | None, num_seeds: int
) -> tuple[Step, ...]:
    """The fixes of a cause that apply, in order, and behind the first one the foil.

    A cause is confirmed only if its fix works and a fix for another cause does not; the latter is the foil.

    Args:
        config: of what failed.
        cause: why it failed.
        suspected: other causes, the likeliest first.
        donor: what can be started from; None where no shorter cell learned.
        num_seeds: of each step.
    """
    steps = [step for name in REMEDIES[cause] if (step := fix(name, cause, config, donor, num_seeds))]
    if not steps or cause == "unknown":
        return tuple(steps)
    first, *others = steps
    return (first, *_foil(config, cause, suspected, num_seeds), *others)


def fix(name: FixName, cause: Cause, config: TrialConfig, donor: Donor | None, num_seeds: int) -> Step | None:
    """One fix as a step; None where it does not apply."""
    if name == START_SHORTER:
        return None if donor is None else _start_shorter(cause, config, donor, num_seeds)
    changes = changes_of(name, config)
    if changes is None:
        return None
    seeds = 1 if name in ONE_SEED else num_seeds
    return Step(name, changes, cause, seeds, relative_cost(apply(config, changes)))


def _start_shorter(cause: Cause, config: TrialConfig, donor: Donor, num_seeds: int) -> Step | None:
    """A start from weights that are not there yet: any name of a trial shows whether one may have it."""
    stored = getattr(config.model, "start_from", "")
    if stored is not None or not fits(config, {"model.start_from": "run/0"}):
        return None
    return Step(START_SHORTER, {}, cause, num_seeds, relative_cost(config), donor)


def _foil(config: TrialConfig, cause: Cause, suspected: Sequence[Cause], num_seeds: int) -> Iterator[Step]:
    """The first fix of another cause that applies, and is none against this one; at most one."""
    rivals = dict.fromkeys([*_RIVALS.get(cause, ()), *suspected, *_COMMON_RIVALS])
    known = {*REMEDIES[cause], *CONTROLS, START_SHORTER}
    for rival in _without(cause, rivals):
        for name in REMEDIES[rival]:
            if name not in known and (step := fix(name, rival, config, None, num_seeds)):
                yield step
                return


def _without(cause: Cause, rivals: Iterable[Cause]) -> Iterator[Cause]:
    """Rivals that say something: a fix against `unknown` would refute nothing."""
    return (rival for rival in rivals if rival not in (cause, "unknown"))
