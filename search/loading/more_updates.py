"""More updates for a run that is resumed: those to which its failed trials are trained on."""

from collections.abc import Iterator
from contextlib import suppress

from pydantic import ValidationError

from failmap.search.config import RunConfig
from failmap.search.continuing.obstacles import obstacle
from failmap.search.loading.cli_args import Argument
from failmap.search.own.config import AnyTrialConfig
from failmap.search.space import Space

_UPDATES = "train.max_updates"


def more_updates(stored: RunConfig, read: dict[str, Argument], problems: list[str]) -> int | None:
    """Return the updates to which failed trials are trained on, as they were or as arguments change them.

    Args:
        stored: The run as it was.
        read: Arguments by key; that of the updates is removed if it asks for more of them.
        problems: A line is added for what cannot be.
    """
    space, before = stored.space, stored.continue_to
    is_fixed = space.is_own or space.goal == "best" or _UPDATES in {axis.path for axis in space.axes}
    if _UPDATES not in read or is_fixed:
        return before
    cell = next(space.cells())
    train = space.built_in_trial(cell, space.default_recipe(cell), stored.seed).train
    wanted = read[_UPDATES].value
    # Fewer updates, and texts, are left to those who compare all other settings.
    if type(wanted) is not int or wanted < (before or train.max_updates + 1):
        return before
    argument = read.pop(_UPDATES)
    obstacles = [obstacle(config) for config in _recipes(space, stored.seed)]
    if wanted % train.evaluate_every:
        nearest = wanted - wanted % train.evaluate_every
        problems.append(
            f"{argument}: must be a multiple of train.evaluate_every={train.evaluate_every}, as {nearest}"
        )
    elif all(obstacles):
        problems.append(f"{argument}: no trial can be trained on: {obstacles[0]}; start a run of its own")
    elif stored.budget.keep_gigabytes == 0:
        problems.append(
            f"{argument}: no state was kept to continue from: the run has budget.keep_gigabytes=0"
        )
    return wanted


def _recipes(space: Space, seed: int) -> Iterator[AnyTrialConfig]:
    """Yield a trial of the default recipe, and one for each other value of an axis of it, where allowed."""
    cell = next(space.cells())
    default = space.default_recipe(cell)
    yield space.trial_config(cell, default, seed)
    for axis in space.recipe_axes:
        for value in axis.values or ():
            with suppress(ValidationError):
                yield space.trial_config(cell, {**default, axis.path: value}, seed)
