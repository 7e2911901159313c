"""The folder of a real search: private, without secrets, and refused if it is corrupted."""

import pickle
import re
import stat
from pathlib import Path

import pytest

from failmap.analysis.load import find_run
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.reading import status
from failmap.search.commands.running import resume, run
from failmap.search.provenance import begin_session

SECRET = "s3cr3t-of-mine"


def test_all_files_are_private(searched: RunFolder) -> None:
    storage = Path(str(searched.path)).parent
    written = [storage, *storage.rglob("*")]
    assert len(written) > 15
    assert {str(path) for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077} == set()


def test_pickle_instead_of_the_journal_is_refused(
    real_run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run=real", f"storage={real_run.path.parent}"]
    for content in (pickle.dumps(Path("x")), pickle.dumps("a\nb\n")):
        Path(str(real_run.journal)).write_bytes(content)
        with pytest.raises(UserError, match=r"journal\.log") as refused:
            resume(arguments)
        assert len(refused.value.problems) == 1
    assert status(arguments) == 0
    assert "2 trials" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../real", "/etc", "a/../real", ".."])
def test_report_of_a_run_outside_the_storage_is_refused(searched: RunFolder, name: str) -> None:
    with pytest.raises(UserError, match=re.escape(name)):
        find_run(name, str(searched.path.parent))


@pytest.mark.parametrize("address", [f"postgresql://u:{SECRET}@127.0.0.1:9/d", f"s3://k:{SECRET}@b/x"])
def test_secret_is_in_no_file_and_no_output(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    where = [f"storage={tmp_path}", f"journal={address}"]
    if address.startswith("s3"):
        where = [f"storage={address}"]
    with pytest.raises(UserError) as refused:
        run(["space=smoke", "task=adding", "run=secret", *where])
    assert SECRET not in str(refused.value) + "".join(capfd.readouterr())
    # Not in this checkout: if this file is uncommitted, its secret would be in the recorded diff.
    begin_session(RunFolder(tmp_path / "secret"), ["python", "-m", "search.run", *where, address], tmp_path)
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
