"""The command that checks trials before they are trained."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import check_location, parse_location
from failmap.search.commands.help import JSON, HelpPage, Section
from failmap.search.input_checks import check_files, check_weights
from failmap.search.loading import Request, read_request
from failmap.search.loading.cli_args import CONF, is_function, is_true
from failmap.search.loading.fields import GROUPS
from failmap.search.loading.own_trial import read_own_trial
from failmap.search.loading.request import DEFAULT_SPACE
from failmap.search.own.function import check_function
from failmap.search.own_parts import check_own
from failmap.search.terminal.view import SafeConsole

if TYPE_CHECKING:
    from failmap.search.preflight.report import Report

#: Arguments that `run` does not have.
RANGE_TEST, PICTURE = "range_test", "picture"
DEFAULT_PICTURE = "range_test.png"


def check(arguments: Sequence[str], as_json: bool = False) -> int:
    """Check trials before they are trained, in less than a minute: shapes, loss, gradients, leaks, the loss
    floor of the output, how far the signal reaches, whether one batch can be memorised, baselines,
    duplicates. Each finding is pass, warn or fail, with a number and what to try (docs/preflight.md).

    If arguments set a trial and space= is missing, exactly that trial is checked; of several values the first
    counts. An own training function (train=FILE.py:NAME) is run for a few reports: which axes it reads, what
    it reports, whether it continues from its state, and the verdict of trial.watch (docs/own_training.md).
    Exit status: 0 if nothing fails, 1 if a check fails, 2 for a mistake in the arguments.
    """
    is_range_test, picture, others = _read_range_test(arguments)
    if any(is_function(*argument.partition("=")[::2]) for argument in others):
        if is_range_test:
            raise UserError(f"{RANGE_TEST}=true: the learning rate of an own training function is its own")
        return _check_function(others, as_json)
    request = read_check_request(others)
    check_files(request.config)
    check_own(request.config)
    check_weights(request.config)
    place = None
    if is_range_test:
        place = picture or parse_location(request.config.storage) / DEFAULT_PICTURE
        check_location(place.parent)
    console = _console(request.notes, as_json)
    # Not imported above: torch delays the message about a typo.
    from failmap.search.preflight.run import preflight

    with console.status("") as status:
        report = preflight(
            request.config, picture=place, on_trial=lambda name: status.update(f"checking {name}")
        )
    return _shown(report, console, as_json)


def _check_function(arguments: Sequence[str], as_json: bool) -> int:
    """Check an own training function with the default recipe of the first cell of its space."""
    trial = read_own_trial(arguments)
    function = check_function(trial.config.own)
    console = _console(trial.notes, as_json)
    # Not imported above: torch delays the message about a typo.
    from failmap.search.preflight.own_function import check_own_function

    with console.status(f"running {trial.config.own.function}"):
        report = check_own_function(trial, function)
    return _shown(report, console, as_json)


def _console(notes: Sequence[str], as_json: bool) -> SafeConsole:
    """Return the console, after printing notes. With --json, standard output is JSON alone."""
    console = SafeConsole(stderr=as_json)
    for note in notes:
        console.print(Text(note), soft_wrap=True)
    return console


def _shown(report: "Report", console: SafeConsole, as_json: bool) -> int:
    """Print a report, and return the exit status."""
    from failmap.search.preflight.report import show, to_json

    if as_json:
        print(json.dumps(to_json(report), indent=2, allow_nan=False))
    else:
        show(report, console)
    return 1 if report.status == "fail" else 0


def check_help() -> HelpPage:
    """Return the help of `check`."""
    examples = [
        ("", f"the default: space={DEFAULT_SPACE}"),
        ("space=supervision", "the smallest and largest trials of a space"),
        ("task=parity model=lstm model.depth=5", "exactly this trial"),
        ("train=my_train.py:train space=my_space.yaml", "a few reports of your own training function"),
        ("task=adding train.optimizer=sgd range_test=true", "with a learning-rate range test"),
    ]
    keys = [
        (RANGE_TEST, "try growing learning rates on the first trial (true or false; default false)"),
        (PICTURE, f"file for the picture of that test (text; default {DEFAULT_PICTURE} in storage)"),
        JSON,
    ]
    sections = [Section("Arguments, besides those of the command run:", keys)]
    return HelpPage(check, "[KEY=VALUE ...] [--json]", examples, sections)


def read_check_request(arguments: Sequence[str]) -> Request:
    """Return what to check: a space, or exactly one trial if arguments describe one and name no space.

    Raises:
        UserError: An argument is wrong; one line for each mistake.
    """
    keys = {argument.partition("=")[0] for argument in arguments}
    describe_trial = any(key.partition(".")[0] in GROUPS for key in keys)
    if describe_trial and not keys & {"space", "map.x", "map.y", "map.facet"}:
        arguments = [f"space={CONF / 'trial.yaml'}", *arguments]
    request = read_request(arguments)
    if request.plan:
        raise UserError(f"plan=true: a check trains nothing to plan; {command_line('run', 'plan=true')} does")
    return request


def _read_range_test(arguments: Sequence[str]) -> tuple[bool, Path | None, list[str]]:
    """Return whether there is a range test, the file named for its picture, and the other arguments."""
    own: dict[str, str] = {}
    others: list[str] = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key in (RANGE_TEST, PICTURE) and equals and key not in own:
            own[key] = value
        else:
            others.append(argument)
    if not is_true(own, RANGE_TEST, default=False):
        if PICTURE in own:
            raise UserError(f"{PICTURE}={own[PICTURE]}: there is no picture without {RANGE_TEST}=true")
        return False, None, others
    if PICTURE not in own:
        return True, None, others
    path = Path(own[PICTURE])
    if path.suffix != ".png":
        raise UserError(f"{PICTURE}={path}: must end in .png")
    if not path.parent.is_dir():
        raise UserError(f"{PICTURE}={path}: no such folder")
    return True, path, others
