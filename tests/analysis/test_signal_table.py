"""One signal over a run's cells, as the terminal shows it."""

from collections.abc import Callable
from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.signals_by_cell import signal_table
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import Evaluation, Intervention
from failmap.search.commands.reading import signals as main

MakeRun = Callable[..., Any]


def measured(*values: Any) -> list[Evaluation]:
    """A history in which a signal has these values, one an evaluation."""
    return [
        Evaluation(50 * number, 1.0, 0.5, 0.5, 0.5, 0.0, {"label_signal": value, "learning_rate": 3e-3})
        for number, value in enumerate(values, start=1)
    ]


def test_cell_is_the_median_of_first_measurements(make_run: MakeRun) -> None:
    run = make_run()
    for value in (0.1, 0.2, 0.9):
        run.trial("failed", 5, 1, history=measured(value, 7.0))
    run.trial("learned", 20, 2, history=measured(0.5, 0.25))
    loaded = load_run(run.folder)

    heading, *rows = signal_table(loaded, "label_signal")

    assert heading == ["", "label_signal", ""]
    assert rows == [
        ["sequence length 5, depth 1", "0.2", "3 trials"],
        ["sequence length 20, depth 2", "0.5", "1 trial"],
    ]
    assert signal_table(loaded, "label_signal", "last")[2][1] == "0.25"
    assert signal_table(loaded, "label_signal", "mean")[1][1] == "3.6"


def test_layers_have_columns(make_run: MakeRun) -> None:
    run = make_run()
    run.trial("failed", 5, 1, history=measured({"layers.0": 0.5}))
    run.trial("failed", 5, 2, history=measured({"layers.0": 0.25, "layers.1": None}))

    rows = signal_table(load_run(run.folder), "label_signal")

    assert [row[1:3] for row in rows] == [["layers.0", "layers.1"], ["0.5", "."], ["0.25", "."]]


def test_trials_in_which_something_was_changed_do_not_count(make_run: MakeRun) -> None:
    run = make_run()
    run.trial("failed", 5, 1, history=measured(0.5))
    changed = Intervention("rescue", "clip", {"train.clip_norm": 1.0}, 0)
    run.trial("learned", 5, 1, history=measured(9.0), intervention=changed)

    assert signal_table(load_run(run.folder), "label_signal")[1][1:] == ["0.5", "1 trial"]


def test_an_unknown_signal_is_told_with_the_nearest_one(make_run: MakeRun) -> None:
    run = make_run()
    run.trial("failed", 5, 1, history=measured(0.5))

    with pytest.raises(UserError, match=r"no trial of first has it; did you mean label_signal\?"):
        signal_table(load_run(run.folder), "label_signl")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as mistakes:
        main(["run=first", "at=middle"])
    assert mistakes.value.problems == (
        "signal=NAME is missing: docs/signals.md lists them",
        "at=middle: known: first, last, mean",
    )


def test_a_list_by_step_is_no_table(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    run.trial("failed", 5, 1, history=measured([0.5, 0.25]))

    with pytest.raises(UserError, match="is a list; the report draws it"):
        main(["run=first", f"storage={run.folder.path.parent}", "signal=label_signal"])


def test_the_program_prints_aligned_columns(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    run.trial("failed", 5, 1, history=measured(0.5))

    assert main(["run=first", f"storage={run.folder.path.parent}", "signal=label_signal"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "                            label_signal",
        "sequence length 5, depth 1           0.5  1 trial",
    ]
