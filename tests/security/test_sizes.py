"""Files that are too large for a run are refused before they are read. The test files are sparse."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from failmap.analysis.reporting import build
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.running import resume

HUGE = 20_000_000_000
READ = ["config.yaml", "provenance.json", "costs.json", "trials/1/record.json", "trials/1/history.jsonl"]


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Limit this process to two more gigabytes, a tenth of the file's size."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**31, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("name", READ)
def test_report_refuses_a_huge_file(run: RunFolder, name: str) -> None:
    os.truncate(str(run.path / name), HUGE)
    with pytest.raises(UserError, match=r"more than [0-9,]+ bytes"):
        build(run)


@pytest.mark.usefixtures("little_memory")
def test_huge_line_is_refused(run: RunFolder) -> None:
    with Path(str(run.trial(1).history)).open("ab") as history:
        history.truncate(1_500_000_000)
    with pytest.raises(UserError, match=r"history\.jsonl: .*10,000,000"):
        build(run)


@pytest.mark.usefixtures("little_memory")
def test_huge_derived_file_is_rewritten(run: RunFolder) -> None:
    os.truncate(str(run.causes), HUGE)
    build(run)
    assert run.causes.stat().st_size < 100_000


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("name", ["config.yaml", "journal.log", "trials/1/record.json"])
def test_resume_refuses_a_huge_file(real_run: RunFolder, name: str) -> None:
    os.truncate(str(real_run.path / name), HUGE)
    with pytest.raises(UserError, match=r"more than [0-9,]+ bytes"):
        resume(["run=real", f"storage={real_run.path.parent}"])
