"""What stopping hopeless trials saved and got wrong, and how such trials count."""

from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.search.commands.table import COMMANDS

STOPPED = {"updates": 500, "hopeless_at": 500, "p_learn": 0.01, "reason": "stopped: its curve is hopeless"}


def test_saved_seconds_are_those_of_the_missing_updates(make_run: Any) -> None:
    """A third of 1,500 updates took 3 s: 6 s of 6 + 3 + 3 are saved. Exempt ones test the rule."""
    run = make_run()
    run.trial("failed", 20, 1, **STOPPED)
    run.trial("learned", 20, 1, hopeless_at=600)
    found = build_map(load_run(run.folder)).futility
    assert found is not None
    assert (found.num_stopped, found.num_failed, found.num_exempt, found.num_wrong) == (1, 1, 1, 1)
    assert found.share_saved == pytest.approx(6 / 12)
    assert found.num_expected == pytest.approx(0.01)
    assert found.interval.high == 1


def test_none_of_three_leaves_much_open(make_run: Any) -> None:
    """Wilson's bound for 0 of 3 is 56 %."""
    run = make_run()
    run.trials(0, 3, 20, 1, hopeless_at=600)
    found = build_map(load_run(run.folder)).futility
    assert found is not None
    assert (found.num_stopped, found.share_saved, found.num_exempt) == (0, 0, 3)
    assert found.interval.high == pytest.approx(0.56, abs=0.01)


def test_run_without_hopeless_trials_has_nothing_to_tell(make_run: Any) -> None:
    """Neither do trials that have not ended, nor interventions."""
    run = make_run()
    run.trials(3, 3, 20, 1)
    run.trial(None, 20, 1)
    assert build_map(load_run(run.folder)).futility is None


def test_stopped_trials_count_as_failed_and_are_shown(make_run: Any) -> None:
    """Six of them decide a cell; the surface takes each by its probability."""
    run = make_run()
    run.trials(0, 4, 20, 1, **STOPPED)
    run.trials(0, 2, 20, 1)
    cell = next(cell for key, cell in build_map(load_run(run.folder)).cells.items() if key[:2] == ("20", "1"))
    verdict = cell.verdict
    assert (verdict.state, verdict.basis) == ("fails", "measured")
    assert (verdict.tally.learned, verdict.tally.trials, verdict.tally.hopeless) == (0, 6, 4)
    assert verdict.default_counts == (0, 6)
    assert verdict.surface_counts == (pytest.approx(0.04), 6)


def test_only_whole_trainings_are_diagnosed(make_run: Any) -> None:
    """A cell whose failed trials were all stopped has none."""
    run = make_run()
    run.trials(0, 2, 20, 1, **STOPPED)
    run.trials(0, 1, 10, 1, **STOPPED)
    run.trials(0, 1, 10, 1)
    cells = build_map(load_run(run.folder)).cells
    diagnoses = {key[0]: cell.diagnosis for key, cell in cells.items() if cell.numbers}
    assert diagnoses["20"] is None
    assert diagnoses["10"] is not None
    assert diagnoses["10"].num_failed == 1


def test_report_says_what_stopping_did(make_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """On the page, and as JSON."""
    run = make_run()
    run.trials(0, 3, 20, 1, **STOPPED)
    run.trials(0, 1, 20, 1, hopeless_at=600)
    words = build_map(load_run(run.folder)).futility.words
    assert COMMANDS["report"].run(["run=first", f"storage={run.folder.path.parent}"]) == 0
    assert words in (run.folder.report / "index.html").read_text(encoding="utf-8")
    assert "3 of 4" in words
