"""The progress of runs: all of a storage, and one."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Fault, Outcome, Summary, TrialRecord
from failmap.search.commands.reading import status as main
from failmap.search.commands.table import COMMANDS
from failmap.search.lease import acquire_lease
from failmap.search.loading import load, to_yaml
from failmap.search.provenance import begin_session, end_session
from failmap.search.run_status import RunStatus, read_run_status
from failmap.search.terminal.run_list import show_run_list
from tests.search.json_keys import documented_keys

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOST = Fault(1, "lost", "its node died\x1b[2J", (NOON + timedelta(minutes=3)).isoformat())
HUNG = Fault(1, "hung", "no evaluation in 30 min", (NOON + timedelta(minutes=2)).isoformat())


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


def make_run(
    storage: Path,
    name: str,
    outcomes: Sequence[Outcome | None],
    *,
    ended: float | None = 30,
    faults: Sequence[Fault] = (),
    arguments: Sequence[str] = (),
) -> RunFolder:
    """A run of two cells, the outcomes in the first; a trial ended each minute of its one session."""
    folder = RunFolder(storage / name)
    config = load(["space=smoke", "model.depth=1", "budget.minutes=60", f"run={name}", *arguments])
    cell = next(config.space.cells())
    folder.trials.mkdir(parents=True)
    folder.config.write_text(to_yaml(config))
    for number, outcome in enumerate(outcomes):
        record = TrialRecord(
            number,
            1,
            {},
            cell.as_dict(),
            {},
            0,
            "default",
            seed=number,
            started=at(number),
            faults=(*faults,),
        )
        if outcome is not None:
            summary = Summary(outcome, "criterion met")
            record = replace(record, ended=at(number + 1), summary=summary)
        folder.trial(number).path.mkdir()
        folder.trial(number).record.write_text(record.to_json())
    session: dict[str, Any] = {"started": at(0), "ended": None if ended is None else at(ended)}
    folder.provenance.write_text(json.dumps({"codes": {}, "sessions": [session]}))
    return folder


def status_of(folder: RunFolder, minutes: float = 30) -> RunStatus:
    return read_run_status(folder, (NOON + timedelta(minutes=minutes)).timestamp())


def test_stopped_run_has_progress_and_speed(tmp_path: Path) -> None:
    found = status_of(make_run(tmp_path, "one", ["learned"] * 6))
    assert (found.state, found.num_decided, found.num_cells) == ("stopped", 1, 2)
    assert (found.num_inferred, found.num_edge) == (0, 0)
    assert (found.num_ended, found.num_unfinished) == (6, 0)
    assert found.trials_per_hour == pytest.approx(12)
    assert found.seconds_left is None


def test_unfinished_trial_leaves_its_cell_undecided(tmp_path: Path) -> None:
    found = status_of(make_run(tmp_path, "one", ["learned"] * 3 + [None]))
    assert (found.num_ended, found.num_unfinished, found.num_decided) == (3, 1, 0)


def test_running_run_has_host_and_seconds_left(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "one", ["learned"] * 6, ended=None)
    lease = acquire_lease(folder, print)
    found = status_of(folder, minutes=10)
    lease.release()
    assert found.state == "running"
    assert found.host
    # Six trials in ten minutes, and the other cell still wants six.
    assert found.seconds_left == pytest.approx(600)
    assert status_of(folder, minutes=10).state == "died", "given back, but its session has no end"


@pytest.mark.parametrize(
    ("outcomes", "arguments", "ended", "state"),
    [
        (["learned"] * 6, ["task.sequence_length=3"], 30.0, "decided"),
        (["learned"] * 6, [], 59.9, "spent"),
        (["learned"] * 6, ["budget.trials=6"], 30.0, "spent"),
        ([], [], None, "died"),
    ],
)
def test_state_without_a_driver(
    tmp_path: Path, outcomes: list[Outcome], arguments: list[str], ended: float | None, state: str
) -> None:
    assert status_of(make_run(tmp_path, "one", outcomes, ended=ended, arguments=arguments)).state == state


@pytest.mark.parametrize(
    ("ended_by", "state"),
    [("time", "spent"), ("interrupt", "stopped"), ("request", "stopped"), (None, "stopped")],
)
def test_reason_of_the_end_decides_the_state(tmp_path: Path, ended_by: str | None, state: str) -> None:
    folder = make_run(tmp_path, "one", ["learned"] * 6)
    stored = json.loads(folder.provenance.read_text())
    stored["sessions"][-1]["ended_by"] = ended_by
    folder.provenance.write_text(json.dumps(stored))
    assert status_of(folder).state == state


def test_owner_start_report_and_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(tmp_path, "one", ["learned", "errored", "errored"])
    begin_session(folder, ["run"])
    end_session(folder)
    folder.report.mkdir()
    (folder.report / "index.html").touch()
    found = status_of(folder)
    assert found.owner == getpass.getuser()
    assert found.started == at(0)
    assert found.report == str(folder.report / "index.html")
    assert found.errors == {"criterion met": 2}, "the reason of a made-up error"
    main([f"storage={tmp_path}", "run=one"])
    lines = capsys.readouterr().out.splitlines()
    assert f"report: {folder.report}/index.html" in lines
    assert "2 errored: criterion met" in lines
    assert any(line.endswith(f"started 2026-01-01 12:00 by {getpass.getuser()}") for line in lines)


def test_faults_are_counted(tmp_path: Path) -> None:
    found = status_of(make_run(tmp_path, "one", ["learned", "failed"], faults=[HUNG, LOST]))
    assert found.num_faults == {"hung": 2, "lost": 2}
    assert found.num_retried == 2
    assert found.last_fault == LOST


def test_unreadable_run_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, "good", ["learned"] * 6, faults=[LOST])
    torn = make_run(tmp_path, "torn", ["learned"])
    torn.trial(0).record.write_text("{")
    (tmp_path / "no_run").mkdir()
    assert main([f"storage={tmp_path}"]) == 0
    good, bad = capsys.readouterr().out.splitlines()
    assert good.startswith("good: stopped · 1 of 2 cells decided · 6 trials, 0 unfinished · 12 trials/h")
    assert "last fault: lost: its node died" in good
    assert "\x1b" not in good
    assert bad.startswith("torn: unreadable: ")


def test_table_fits_eighty_columns(tmp_path: Path) -> None:
    file = StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system=None)
    name = "a_name_that_is_as_long_as_names_of_runs_may_be-task_adding-depth_1_2_5"
    found = status_of(make_run(tmp_path, name, ["learned"] * 6, faults=[LOST]))
    running = replace(found, run="short", state="running", host="gpu-node-17", seconds_left=5400.0)
    show_run_list([found, running], console)
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("short") and "running on" in line for line in lines)
    assert "gpu-node-17" in file.getvalue()
    assert any("1/2" in line and "lost: i" in line for line in lines)
    assert "".join(line[:26].rstrip() for line in lines[1:4]) == name


def test_json_has_the_documented_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, "one", ["learned"] * 6, faults=[LOST])
    COMMANDS["status"].run([f"storage={tmp_path}", "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert set(found) == documented_keys("status")
    assert set(found["last_fault"]) == documented_keys("status", "last_fault")
    assert (found["run"], found["state"], found["num_decided"]) == ("one", "stopped", 1)
    assert found["last_fault"]["kind"] == "lost"
    COMMANDS["status"].run([f"storage={tmp_path}", "run=one", "--json"])
    assert json.loads(capsys.readouterr().out) == [found]


def test_empty_storage_is_no_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"storage={tmp_path}"]) == 0
    assert "holds no run" in capsys.readouterr().out
