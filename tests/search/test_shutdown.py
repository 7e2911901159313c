"""The end of a session by signals: what the first one does, and the next."""

import os
import pty
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from failmap.run_folder.paths import RunFolder
from failmap.search.shutdown import Shutdown, interrupted_by_signals, shutdown_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_answered_and_the_next_raises(number: int, tmp_path: Path) -> None:
    answered, reasons = Event(), []

    def answer(reason: str) -> None:
        reasons.append(reason)
        answered.set()

    shutdown = Shutdown(RunFolder(tmp_path / "run"), None, answer)
    with shutdown.watching(), shutdown_on_signals(shutdown):
        signal.raise_signal(number)
        # The main thread does nothing for it, as while it waits for Ray.
        assert answered.wait(10)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert reasons == [shutdown.reason] == ["interrupt"]


def test_time_limit_is_announced(tmp_path: Path) -> None:
    answered = Event()
    shutdown = Shutdown(RunFolder(tmp_path / "run"), 0.0, lambda reason: answered.set())
    with shutdown.watching():
        shutdown.poll()
        assert answered.wait(10)
    assert shutdown.reason == "time"


def test_signals_before_the_training_release_the_lease() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


HANGS_UP = """
    import signal, sys
    from pathlib import Path
    from threading import Event
    from failmap.run_folder.paths import RunFolder
    from failmap.search.shutdown import Shutdown, shutdown_on_signals
    shutdown = Shutdown(RunFolder(Path(sys.argv[1]) / "run"), None)
    with shutdown_on_signals(shutdown):
        print("ready", flush=True)
        for _ in range(100):
            if shutdown.reason is not None:
                break
            Event().wait(0.1)
        print("said to nobody", flush=True)
    (Path(sys.argv[1]) / "reason").write_text(str(shutdown.reason))
"""


def _enter(terminal: int) -> None:
    """Make a terminal the one that controls this process, which heeds SIGHUP even if the tests ignore it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.login_tty(os.dup(terminal))


@pytest.mark.parametrize(("before", "reason"), [("", "interrupt"), ("trap '' HUP; ", "None")])
def test_closed_terminal_ends_the_session_unless_nohup(before: str, reason: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    program = textwrap.dedent(HANGS_UP).replace("range(100)", f"range({100 if reason != 'None' else 5})")
    with subprocess.Popen(
        ["bash", "-c", f'{before}exec "$0" -c "$1" "$2"', sys.executable, program, str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        preexec_fn=partial(_enter, theirs) if before == "" else None,
        start_new_session=before != "",
    ) as process:
        os.close(theirs)
        assert b"ready" in os.read(ours, 100)
        if before:
            process.send_signal(signal.SIGHUP)
            process.wait(30)
            os.close(ours)
        else:
            # The kernel sends the signal to the session that the terminal controls.
            os.close(ours)
        assert process.stderr is not None
        assert process.wait(30) == 0, process.stderr.read().decode()
    assert (tmp_path / "reason").read_text() == reason


def test_first_line_comes_before_torch_and_ray(tmp_path: Path) -> None:
    program = """
        import sys
        from failmap.search.commands import running
        def look(config):
            print("loaded", sorted({"torch", "ray", "pandas"} & set(sys.modules)))
            raise SystemExit
        running.check_all = look
        running.run(sys.argv[1:])
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), "space=smoke", f"storage={tmp_path}", "run=mine"],
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, loaded = ended.stdout.splitlines()
    assert loaded == "loaded []"
    assert any(line.startswith("run mine: ") for line in lines)
    assert any(str(tmp_path / "mine") in line for line in lines)
