"""The estimate of how often inference errs, from inferred cells that were run."""

from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.analysis.surface import MapSurface
from failmap.search.commands.table import COMMANDS

PATHS = ("task.sequence_length", "model.depth")
LENGTHS, DEPTHS = (5, 10, 20, 50, 100, 200), (1, 2, 3)


@pytest.fixture
def sparse(make_run: Any) -> Any:
    """A map that learns at 20 and fails at 100, at every depth."""
    run = make_run(lengths=LENGTHS, depths=DEPTHS)
    for depth in DEPTHS:
        run.trials(6, 0, 20, depth)
        run.trials(0, 6, 100, depth)
    return run


def test_audits_are_counted_against_the_surface_without_them(sparse: Any) -> None:
    sparse.trials(1, 0, 10, 1, purpose="audit")
    sparse.trials(0, 1, 200, 2, purpose="audit")
    sparse.trials(1, 0, 200, 3, purpose="audit")
    audit = build_map(load_run(sparse.folder)).audit
    assert audit is not None
    assert (audit.num_trials, audit.num_against) == (3, 1)
    measured = {
        (length, depth): counts for depth in DEPTHS for length, counts in {20: (6, 6), 100: (0, 6)}.items()
    }
    surface = MapSurface.fit(PATHS, (LENGTHS, DEPTHS), measured)
    assert surface is not None
    beliefs = surface.beliefs()
    assert audit.num_expected == pytest.approx(1 - beliefs[10, 1].p + beliefs[200, 2].p + beliefs[200, 3].p)
    assert audit.interval.high > 1 / 3 > audit.interval.low


def test_audit_of_a_cell_that_is_open_again_is_no_test(sparse: Any) -> None:
    sparse.trials(1, 0, 50, 2, purpose="audit")
    assert build_map(load_run(sparse.folder)).audit is None


def test_trials_of_inferred_cells_that_were_not_drawn_do_not_count(sparse: Any) -> None:
    sparse.trials(0, 1, 10, 1)
    sparse.trial("errored", 10, 2, purpose="audit")
    sparse.trial(None, 10, 3, purpose="audit")
    assert build_map(load_run(sparse.folder)).audit is None


def test_audits_are_shown(sparse: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sparse.trials(0, 1, 10, 1, purpose="audit")
    arguments = ["run=first", f"storage={sparse.folder.path.parent}"]
    assert COMMANDS["report"].run([*arguments, "--json"]) == 0
    assert '"num_against": 1' in capsys.readouterr().out
    assert "1 of 1 trial in inferred cells" in (sparse.folder.report / "index.html").read_text()
