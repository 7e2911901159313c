"""Ends a run's session from afar: python -m search.stop run=NAME. What is under way is saved."""

import json
import os
import socket
from collections.abc import Sequence
from datetime import datetime
from threading import Event
from time import monotonic

from rich.text import Text

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of
from failmap.search.lease import driver_of, is_known_dead
from failmap.search.lease_terms import DEFAULT_TIMING, Owner, Terms
from failmap.search.loading import locate
from failmap.search.loading.cli_args import parse_arguments
from failmap.search.new_run import report_disk_errors, resume_command
from failmap.search.terminal.view import SafeConsole


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import stop_help

        print(stop_help(), end="")
        return 0
    folder, others = locate(words)
    is_waited_for = _wait_word(others)
    console = SafeConsole()
    with report_disk_errors(folder):
        owner = driver_of(folder)
        if owner is None:
            console.print(Text(f"run {folder.name}: no driver, nothing to stop"), soft_wrap=True)
            return 0
        if is_known_dead(owner):
            console.print(
                Text(f"run {folder.name}: its driver died ({owner}), nothing to stop"), soft_wrap=True
            )
        else:
            _ask(folder, owner)
            console.print(Text(f"run {folder.name}: asked {owner} to save and end"), soft_wrap=True)
            if is_waited_for:
                console.print(Text(_wait_for_the_end(folder, owner)), soft_wrap=True)
    console.print(Text(f"Go on with\n  {resume_command(folder)}"), soft_wrap=True)
    return 0


def _wait_word(words: Sequence[str]) -> bool:
    problems: list[str] = []
    read = parse_arguments(words, problems)
    wait = read.pop("wait", None)
    if wait is not None and not isinstance(wait.value, bool):
        problems.append(f"{wait}: must be true or false")
    problems += (f"{word}: search.stop knows run=, storage= and wait= only" for word in read.values())
    if problems:
        raise UserError(*problems)
    return wait is None or bool(wait.value)


def _ask(folder: RunFolder, owner: Owner) -> None:
    request = {
        "of": str(owner),
        "by": f"process {os.getpid()} on host {socket.gethostname()}",
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    store_of(folder.path).write(folder.stop_request, json.dumps(request).encode())


def _wait_for_the_end(folder: RunFolder, owner: Owner) -> str:
    """Returns how it came about that this driver holds the run no more; leaves no request to a later one."""
    store, terms, pause = store_of(folder.path), Terms(folder), Event()
    last, seen_at = terms.last(), monotonic()
    try:
        while last is not None and last.owner == owner and not last.is_released:
            # A driver elsewhere shows by its beats that it lives.
            if is_known_dead(owner) or monotonic() - seen_at > DEFAULT_TIMING.watch_seconds:
                return "It died before it could save and end."
            # A driver that was just beginning has removed it, as what an earlier session left.
            if not store.exists(folder.stop_request):
                _ask(folder, owner)
            pause.wait(store.poll_seconds)
            before, last = last.content, terms.last()
            if last is not None and last.content != before:
                seen_at = monotonic()
    finally:
        store.remove(folder.stop_request)
    return "It has ended."
