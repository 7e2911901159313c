"""The command delete takes a run's folder, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.delete import delete as main
from failmap.search.lease import Lease, acquire_lease
from failmap.search.lease_terms import Owner


@pytest.fixture
def run(folder: RunFolder) -> RunFolder:
    """A run of one trial beside another run."""
    for each in (folder, RunFolder(folder.path.parent / "other")):
        each.trial(0).path.mkdir(parents=True)
        each.trial(0).record.write_text("{}")
        each.config.write_text("")
    return folder


@pytest.fixture
def lease(run: RunFolder) -> Iterator[Lease]:
    held = acquire_lease(run, print)
    yield held
    held.release()


def arguments(run: RunFolder, *others: str) -> list[str]:
    return [f"run={run.name}", f"storage={run.path.parent}", *others]


def content(run: RunFolder) -> set[Path]:
    return {path for path in Path(str(run.path)).rglob("*") if "drivers" not in path.parts}


def test_nothing_goes_without_yes(run: RunFolder) -> None:
    before = content(run)
    with pytest.raises(UserError, match=r"1 trial, 0\.0 MB\).*yes=true"):
        main(arguments(run))
    with pytest.raises(UserError, match="yes=maybe"):
        main(arguments(run, "yes=maybe"))
    assert content(run) == before


def test_yes_deletes_this_run_alone(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(run, "yes=true")) == 0
    assert f"deleted {run.path}" in capsys.readouterr().out
    assert [path.name for path in Path(str(run.path)).parent.iterdir()] == ["other"]
    with pytest.raises(UserError, match="no such run"):
        main(arguments(run, "yes=true"))


def test_driven_run_is_refused(run: RunFolder, lease: Lease) -> None:
    before = content(run)
    with pytest.raises(UserError, match=f"driven by {Owner.this_process()}"):
        main(arguments(run, "yes=true"))
    assert content(run) == before


def test_link_in_the_run_is_refused(run: RunFolder, tmp_path: Path) -> None:
    (Path(str(run.path)) / "elsewhere").symlink_to(tmp_path)
    with pytest.raises(UserError, match="link"):
        main(arguments(run, "yes=true"))
    assert run.config.exists()
