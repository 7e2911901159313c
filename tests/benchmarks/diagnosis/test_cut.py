"""Causes of trainings whose histories are cut."""

from pathlib import Path

from benchmarks.diagnosis.cut import agreement
from failmap.run_folder.paths import RunFolder
from tests.analysis.conftest import RunWriter, evaluations


def test_only_whole_trainings_that_failed_are_cut(tmp_path: Path) -> None:
    """One of four trials is; at nine shares of its updates."""
    run = RunWriter(RunFolder(tmp_path / "run"))
    run.write_config()
    run.trial("failed", history=evaluations("failed"))
    run.trial("failed", history=evaluations("failed", count=9), updates=450, hopeless_at=450, p_learn=0.01)
    run.trial("learned", history=evaluations("learned"))
    run.trial(None, history=evaluations(None))
    same = agreement(run.folder)
    assert [len(one) for one in same.values()] == [1] * 9
