"""The command that asks the driver of a run to save and end, from any machine that sees the storage."""

import json
import os
import socket
from collections.abc import Sequence
from datetime import datetime
from threading import Event
from time import monotonic

from rich.text import Text

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of
from failmap.search.commands.help import RUN, STORAGE, HelpPage, Section
from failmap.search.lease import driver_of
from failmap.search.lease_terms import DEFAULT_TIMING, Owner, Terms
from failmap.search.loading import locate
from failmap.search.loading.cli_args import is_true, read_run_arguments
from failmap.search.new_run import report_disk_errors, resume_command
from failmap.search.terminal.view import SafeConsole


def stop(arguments: Sequence[str]) -> int:
    """Ask the driver of a run to save its running trials and end, from any machine that sees the storage. A
    cluster's job that is ended in this way counts as done, and is not started again.
    """
    settings = read_run_arguments(arguments, ("wait",))
    is_waiting = is_true(settings, "wait", default=True)
    folder, _ = locate([f"{key}={settings[key]}" for key in ("run", "storage")])
    console = SafeConsole()
    with report_disk_errors(folder):
        owner = driver_of(folder)
        if owner is None:
            console.print(Text(f"run {folder.name}: no driver, nothing to stop"), soft_wrap=True)
            return 0
        if owner.is_known_dead:
            message = f"run {folder.name}: its driver died ({owner}), nothing to stop"
            console.print(Text(message), soft_wrap=True)
        else:
            _ask(folder, owner)
            console.print(Text(f"run {folder.name}: asked {owner} to save and end"), soft_wrap=True)
            if is_waiting:
                console.print(Text(_wait_for_end(folder, owner)), soft_wrap=True)
    console.print(Text(f"Continue with\n  {resume_command(folder)}"), soft_wrap=True)
    return 0


def stop_help() -> HelpPage:
    """Return the help of `stop`."""
    wait = ("wait", "wait until the driver has ended (true or false; default true)")
    examples = [("run=lstm_depth", "save and end, and wait until it has ended")]
    sections = [Section("Arguments:", [RUN, STORAGE, wait])]
    return HelpPage(stop, "run=NAME [storage=FOLDER] [wait=false]", examples, sections)


def _ask(folder: RunFolder, owner: Owner) -> None:
    request = {
        "of": str(owner),
        "by": f"process {os.getpid()} on host {socket.gethostname()}",
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    store_of(folder.path).write(folder.stop_request, json.dumps(request).encode())


def _wait_for_end(folder: RunFolder, owner: Owner) -> str:
    """Wait until a driver no longer holds the run, remove the request, and return how the driver ended."""
    store, terms, pause = store_of(folder.path), Terms(folder), Event()
    last, seen_at = terms.last(), monotonic()
    try:
        while last is not None and last.owner == owner and not last.is_released:
            # A driver on another machine is known to be alive by its heartbeat only.
            if owner.is_known_dead or monotonic() - seen_at > DEFAULT_TIMING.watch_seconds:
                return "It died before it could save and end."
            # A driver that was just starting has removed the request as one to an earlier session.
            if not store.exists(folder.stop_request):
                _ask(folder, owner)
            pause.wait(store.poll_seconds)
            before, last = last.content, terms.last()
            if last is not None and last.content != before:
                seen_at = monotonic()
    finally:
        store.remove(folder.stop_request)
    return "It has ended."
