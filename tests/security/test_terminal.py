"""Programs write only text to the terminal, whatever the content of a run's files."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table
from rich.text import Text

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Fault, TrialRecord
from failmap.search.commands.interventions import ablate, rescue
from failmap.search.commands.merge import merge
from failmap.search.commands.running import run
from failmap.search.commands.table import COMMANDS
from failmap.search.lease_terms import Owner, Terms
from failmap.search.terminal.view import SafeConsole

TITLE, LINK, TURNED, MARKUP = "\x1b]0;owned\x07", "\x1b]8;;http://x\x1b\\", "\u202eexe.txt", "[red]x[/red]"
HOSTILE = f"{TITLE}{LINK}{TURNED}{MARKUP}\r\nrun real: all is well\x9b2J"


def require_harmless(shown: str) -> None:
    assert not [sign for sign in ("\x1b]", "\x07", "\u202e", "\x9b", "\r") if sign in shown]
    assert "\nrun real: all is well" not in shown


@pytest.mark.parametrize("text", [HOSTILE, TITLE, TURNED, MARKUP])
@pytest.mark.parametrize("put", [str, Text, lambda text: _table(text), lambda text: _table(Text(text))])
def test_console_shows_text_verbatim(put: Callable[[str], Any], text: str) -> None:
    shown = io.StringIO()
    SafeConsole(shown).print(put(text.partition("\r\n")[0]), soft_wrap=True)
    require_harmless(shown.getvalue())
    assert text != MARKUP or MARKUP in shown.getvalue()


def _table(cell: str | Text) -> Table:
    table = Table("a heading")
    table.add_row(cell)
    return table


@pytest.fixture
def hostile(real_run: RunFolder) -> RunFolder:
    """The real run with hostile text in all text fields."""
    path = real_run.trial(0).record
    values = json.loads(path.read_text())
    values["summary"] |= {"reason": HOSTILE, "host": HOSTILE}
    values["faults"] = [Fault(1, "lost", HOSTILE, "2026-01-01T00:00:00+00:00").__dict__]
    path.write_text(json.dumps(values))
    assert TrialRecord.from_json(path.read_bytes()).faults[0].reason == HOSTILE
    text = real_run.config.read_text()
    real_run.config.write_text(
        "\n".join(f"  question: '{MARKUP}'" if "question:" in line else line for line in text.splitlines())
    )
    provenance = json.loads(real_run.provenance.read_text())
    provenance["sessions"][-1]["versions"] = {"torch": HOSTILE, HOSTILE: "1"}
    provenance["sessions"][-1]["started"] = "2026-01-01T00:00:00+00:00"
    real_run.provenance.write_text(json.dumps(provenance))
    owner = Owner(HOSTILE, "another boot", 1, 1)
    last = Terms(real_run).last()
    assert last is not None
    Terms(real_run).create(last.number + 1, owner, "token")
    return real_run


@pytest.mark.parametrize("in_terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("arguments", [["run=real"], [], ["run=real", "--json"], ["--json"]], ids=str)
def test_status(
    hostile: RunFolder,
    arguments: list[str],
    in_terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR" if in_terminal else "NO_COLOR", "1")
    assert COMMANDS["status"].run([*arguments, f"storage={hostile.path.parent}"]) == 0
    shown = capsys.readouterr().out
    require_harmless(shown)
    assert "owned" in shown


@pytest.mark.parametrize("in_terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize(
    ("program", "more"),
    [
        (rescue, ("cell=task.sequence_length=5,model.depth=1",)),
        (ablate, ("trial=0",)),
    ],
    ids=["rescue", "ablate"],
)
def test_plans_of_interventions(
    hostile: RunFolder,
    program: Any,
    more: tuple[str, ...],
    in_terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR" if in_terminal else "NO_COLOR", "1")
    values = json.loads(hostile.trial(0).record.read_text())
    values["summary"]["outcome"] = "learned" if "trial=0" in more else "failed"
    hostile.trial(0).record.write_text(json.dumps(values))
    assert program(["run=real", f"storage={hostile.path.parent}", "plan=true", *more]) == 0
    require_harmless(capsys.readouterr().out)


def test_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(
        f"question: '{MARKUP} :smile:'\ntask: parity\nmodel: lstm\n"
        "map: {x: task.sequence_length, y: model.depth}\n"
        "axes: {task.sequence_length: [2, 3], model.depth: [1, 2]}\n"
    )
    assert run([f"space={space}", "plan=true", f"storage={tmp_path}"]) == 0
    assert f"{MARKUP} :smile:" in capsys.readouterr().out


def test_notices_of_a_merge(
    hostile: RunFolder, capsys: pytest.CaptureFixture[str], searched: RunFolder
) -> None:
    last = Terms(hostile).last()
    assert last is not None
    Path(str(Terms(hostile).path(last.number))).unlink()
    storage = hostile.path.parent
    # Runs with different questions cannot be merged.
    shutil.copy(str(searched.config), str(hostile.config))
    shutil.copytree(str(searched.path), storage / "other")
    assert merge(["run=real,other", "into=both", f"storage={storage}"]) == 0
    shown = capsys.readouterr().out
    assert "owned" in shown
    require_harmless(shown)
