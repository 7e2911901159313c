"""Looks at trials before they are trained: python -m search.check space=NAME, or task=NAME model=NAME ..."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.search.input_checks import check_files, check_weights
from failmap.search.loading import Request, read_request
from failmap.search.loading.cli_args import CONF
from failmap.search.loading.fields import GROUPS
from failmap.search.terminal.view import SafeConsole

#: Words that the check has beside those of search.run.
RANGE_TEST, PICTURE = "range_test", "picture"
DEFAULT_PICTURE = "range_test.png"
#: Exit statuses: nothing fails; a check fails. A user's mistake is 2, as everywhere.
PASSED, FAILED = 0, 1


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import check_help

        print(check_help(), end="")
        return PASSED
    as_json = "--json" in words
    own, others = _own_words([word for word in words if word != "--json"])
    is_tested = _is_true(own.get(RANGE_TEST, "false"))
    picture = _picture(own, is_tested)
    request = read_check_request(others)
    check_files(request.config)
    check_weights(request.config)
    # People read the notes and the progress; a program reads standard output as JSON alone.
    told = SafeConsole(stderr=as_json)
    for note in request.notes:
        told.print(Text(note), soft_wrap=True)
    # Here, not above: these bring torch along, and a typo is to be told at once.
    from failmap.search.preflight.report import show, to_json
    from failmap.search.preflight.run import preflight

    with told.status("") as status:
        report = preflight(
            request.config, picture=picture, on_trial=lambda name: status.update(f"checking {name}")
        )
    if as_json:
        print(json.dumps(to_json(report), indent=2, allow_nan=False))
    else:
        show(report, told)
    return FAILED if report.status == "fail" else PASSED


def read_check_request(words: Sequence[str]) -> Request:
    """What to check: a space, or exactly one trial where words describe one and name no space.

    Raises:
        UserError: with a line for each mistake.
    """
    keys = {word.partition("=")[0] for word in words}
    about_a_trial = {key for key in keys if key.partition(".")[0] in GROUPS}
    if about_a_trial and not keys & {"space", "map.x", "map.y", "map.facet"}:
        words = [f"space={CONF / 'trial.yaml'}", *words]
    request = read_request(words)
    if request.plan:
        raise UserError(f"plan=true: a check trains nothing to plan; {command_line('run', 'plan=true')} does")
    return request


def _own_words(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The check's own words by key, and all others."""
    own: dict[str, str] = {}
    others: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if key in (RANGE_TEST, PICTURE) and equals and key not in own:
            own[key] = value
        else:
            others.append(word)
    return own, others


def _is_true(text: str) -> bool:
    if text not in ("true", "false"):
        raise UserError(f"{RANGE_TEST}={text}: must be true or false")
    return text == "true"


def _picture(own: dict[str, str], is_tested: bool) -> Path | None:
    """Where the range test's picture goes; None where no test is asked for."""
    if not is_tested:
        if PICTURE in own:
            raise UserError(f"{PICTURE}={own[PICTURE]}: a picture of what? it needs {RANGE_TEST}=true")
        return None
    path = Path(own.get(PICTURE) or DEFAULT_PICTURE)
    if path.suffix != ".png":
        raise UserError(f"{PICTURE}={path}: must end in .png")
    if not path.parent.is_dir():
        raise UserError(f"{PICTURE}={path}: no such folder")
    return path
