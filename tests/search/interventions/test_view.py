"""The terminal view of interventions before, during and after a session."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from time import monotonic

import pytest
from rich.console import Console

from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import write_atomically
from failmap.search.allocation.remaining import Eta
from failmap.search.config import RunConfig
from failmap.search.interventions.request import RescueArguments, Session, read_session
from failmap.search.interventions.rescue_plan import plan_rescue
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.interventions.view import InterventionView, changes_display, replay, show_preview
from failmap.search.loading import to_yaml
from tests.search.interventions.runs import DIVERGED, begin, open_study, run_all


def read(storage: Path) -> Session[RescueArguments]:
    return read_session("rescue", RescueArguments, ["run=tiny", "seeds=7", f"storage={storage}"])


@pytest.fixture
def schedule(make_config: Callable[..., RunConfig], tmp_path: Path) -> InterventionSchedule:
    """The schedule of a run in which every cell diverged."""
    folder = RunFolder(tmp_path / "tiny")
    folder.path.mkdir()
    config = make_config()
    write_atomically(folder.config, to_yaml(config))
    run_all(open_study(config, folder), lambda trial: DIVERGED)
    run = load_run(folder)
    found = InterventionSchedule(plan_rescue(read(tmp_path), run))
    replay(found, config.space, run.records)
    return found


def written(show: Callable[[Console], None], *, width: int = 100, terminal: bool = False) -> str:
    file = StringIO()
    show(Console(file=file, width=width, force_terminal=terminal, color_system=None))
    return file.getvalue()


def work(schedule: InterventionSchedule, num_trials: int) -> None:
    """End trials; those with clipping learn."""
    for number in range(num_trials):
        trial = schedule.next()
        assert trial is not None
        note = begin(schedule, trial, 100 + number)
        schedule.end(note, "learned" if trial.config.train.clip_norm else "failed", 0.5)


def view(schedule: InterventionSchedule, console: Console) -> InterventionView:
    return InterventionView(schedule, Eta(schedule.cost_spent(), monotonic() + 12 * 3600), console)


def test_what_all_cases_share_is_said_once(schedule: InterventionSchedule) -> None:
    cases = tuple(case for case in schedule.plan.cases if case.cell.as_dict()["model.depth"] == 1)
    row = InterventionSchedule(replace(schedule.plan, cases=cases))
    lines = written(lambda console: console.print(view(row, console).picture())).splitlines()
    assert [index for index, line in enumerate(lines) if "depth" in line] == [0]
    assert len(cases) > 1


def test_table_of_steps_by_cells(schedule: InterventionSchedule) -> None:
    work(schedule, 1 + 4 + 4 + 7)
    lines = written(lambda console: view(schedule, console).show()).splitlines()
    rows = {" ".join(line.split()[:-4]): line.split()[-4:] for line in lines}
    assert rows["unchanged"] == ["0/7-", "0/6-", "0/6-", "0/6-"]
    assert rows["a third of the learning rate"] == ["0/4-", ".", ".", "."]
    assert rows["gradient clipping"] == ["7/7+", ".", ".", "."]
    assert "15 trials with something changed: 7 learned; 0 unfinished · 0 of 4 cases done" in lines[-1]


def test_narrow_terminal_shows_the_current_cell(schedule: InterventionSchedule) -> None:
    text = written(lambda console: view(schedule, console).show(), width=60)
    assert max(map(len, text.splitlines()[:-1])) <= 60
    assert "depth 1" in text
    assert "depth 2" not in text


def test_pipe_gets_a_line(schedule: InterventionSchedule) -> None:
    def tick(console: Console) -> None:
        with view(schedule, console) as shown:
            shown.tick()

    assert written(tick).endswith("0 running · 0 of 4 cases done · 12 h left\n")


def test_terminal_gets_the_table(schedule: InterventionSchedule) -> None:
    def tick(console: Console) -> None:
        with view(schedule, console) as shown:
            shown.tick()

    assert "gradient clipping" in written(tick, terminal=True)


def test_preview(schedule: InterventionSchedule, tmp_path: Path) -> None:
    run = load_run(RunFolder(tmp_path / "tiny"))
    config = read(tmp_path).config
    text = written(lambda console: show_preview(schedule, config, run.records, console), width=120)
    assert "diverged in 6 of 6 failed trials" in text
    assert "loss" in text
    assert "train.clip_norm=1" in text
    assert "(against vanishing in time)" in text or "(against vanishing in depth)" in text
    assert "trials at most" in text


def test_no_setting_of_the_preview_is_broken(schedule: InterventionSchedule, tmp_path: Path) -> None:
    run = load_run(RunFolder(tmp_path / "tiny"))
    config = read(tmp_path).config
    words = written(lambda console: show_preview(schedule, config, run.records, console), width=60).split()
    settings = {
        word for case in schedule.plan.cases for step in case.steps for word in changes_display(step).split()
    }
    assert max(map(len, settings)) > 20
    assert settings <= set(words)


def test_time_left_is_known_once_something_ended(schedule: InterventionSchedule) -> None:
    eta = Eta(schedule.cost_spent(), None)
    assert eta.seconds_left(schedule.cost_spent(), schedule.cost_left()) is None
    work(schedule, 2)
    left = eta.seconds_left(schedule.cost_spent(), schedule.cost_left())
    assert left is not None
    assert left > 0
    overdue = Eta(0.0, eta.started - 5)
    assert overdue.seconds_left(schedule.cost_spent(), schedule.cost_left()) == 0
