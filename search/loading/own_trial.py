"""One trial of an own training function, as `check` runs it: of a space, or of settings alone."""

from collections.abc import Sequence
from typing import NamedTuple

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.search.config import Cluster
from failmap.search.loading.cli_args import Argument, parse_arguments
from failmap.search.loading.own import check_names
from failmap.search.loading.request import read_request
from failmap.search.own.config import OwnFunction, OwnTrialConfig
from failmap.search.own.function import parse_function


class OwnTrial(NamedTuple):
    """A trial to check.

    Attributes:
        config: Its configuration.
        axes: Paths of the axes among its settings.
        cluster: Where trials of the run are trained.
        notes: A line for each setting that was chosen or left out unasked.
        has_space: Whether a space says when the trial has learned.
    """

    config: OwnTrialConfig
    axes: tuple[str, ...]
    cluster: Cluster
    notes: tuple[str, ...] = ()
    has_space: bool = True


def read_own_trial(arguments: Sequence[str]) -> OwnTrial:
    """Return the default recipe of a space's first cell, or without a space a trial with the other arguments.

    Raises:
        UserError: An argument is wrong; one line for each mistake.
    """
    problems: list[str] = []
    read = parse_arguments(arguments, problems)
    if "space" not in read:
        return _of_settings(list(read.values()), problems)
    request = read_request(arguments)
    if request.plan:
        raise UserError(f"plan=true: a check has nothing to plan; {command_line('run', 'plan=true')} does")
    space = request.config.space
    cell = next(space.cells())
    config = space.trial_config(cell, space.default_recipe(cell), request.config.seed)
    assert isinstance(config, OwnTrialConfig), "train= names a function"
    axes = tuple(path for axis in space.axes for path in axis.paths)
    return OwnTrial(config, axes, request.config.cluster, request.notes)


def _of_settings(arguments: Sequence[Argument], problems: list[str]) -> OwnTrial:
    settings = {one.key: one.values[0] if one.values else None for one in arguments if one.key != "train"}
    check_names(list(settings), problems)
    (train,) = (one.text for one in arguments if one.key == "train")
    try:
        function, folder = parse_function(train)
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(*dict.fromkeys(problems))
    # Nothing says when it has learned, and a check does not ask.
    own = OwnFunction(function=function, folder=folder, score=1.0)
    return OwnTrial(OwnTrialConfig(own=own, settings=settings), (), Cluster(), has_space=False)
