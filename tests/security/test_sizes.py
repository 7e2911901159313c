"""A file that no run can have written is refused before memory is spent on it. Holes make them cheap."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos.loaders import write_run
from failmap.analysis.reporting import build
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.running import resume

HUGE = 20_000_000_000
READ = ["config.yaml", "provenance.json", "costs.json", "trials/1/record.json", "trials/1/history.jsonl"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    write_run(tmp_path / "runs" / "run")
    return RunFolder(tmp_path / "runs" / "run")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Two gigabytes of addresses more than this process has: a tenth of what the file claims."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**31, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("name", READ)
def test_a_report_refuses_a_file_that_no_run_has(run: RunFolder, name: str) -> None:
    os.truncate(str(run.path / name), HUGE)
    with pytest.raises(UserError, match=r"more than [0-9,]+ bytes"):
        build(run)


@pytest.mark.usefixtures("little_memory")
def test_a_line_without_an_end_is_refused(run: RunFolder) -> None:
    with Path(str(run.trial(1).history)).open("ab") as history:
        history.truncate(1_500_000_000)
    with pytest.raises(UserError, match=r"history.jsonl: more than 10,000,000 bytes"):
        build(run)


@pytest.mark.usefixtures("little_memory")
def test_what_is_kept_of_a_run_is_made_anew_instead(run: RunFolder) -> None:
    os.truncate(str(run.causes), HUGE)
    build(run)
    assert run.causes.stat().st_size < 100_000


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("name", ["config.yaml", "journal.log", "trials/1/record.json"])
def test_a_resume_refuses_a_file_that_no_run_has(real_run: RunFolder, name: str) -> None:
    os.truncate(str(real_run.path / name), HUGE)
    with pytest.raises(UserError, match=r"more than [0-9,]+ bytes"):
        resume(["run=real", f"storage={real_run.path.parent}"])
