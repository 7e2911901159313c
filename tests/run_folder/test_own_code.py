import subprocess
import sys
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import locate_own, read_own
from failmap.run_folder.own_import import load_own


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file that counts how often it is executed, and a module beside it."""
    (tmp_path / "my_net.py").write_text(
        "from pathlib import Path\n"
        "from beside_my_net import WIDTH\n"
        "with Path(__file__).with_suffix('.log').open('a') as log:\n"
        "    log.write('x')\n"
        "class Net:\n"
        "    width = WIDTH\n"
        "def late():\n"
        "    import late_beside_my_net\n"
        "    return late_beside_my_net.VALUE\n"
    )
    (tmp_path / "beside_my_net.py").write_text("WIDTH = 7\n")
    (tmp_path / "late_beside_my_net.py").write_text("VALUE = 3\n")
    # A name of the standard library's: must not shadow it afterwards.
    (tmp_path / "colorsys.py").write_text("MINE = True\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def problem(reference: str) -> str:
    with pytest.raises(UserError) as caught:
        load_own(reference)
    (line,) = caught.value.problems
    return line


def test_a_file_is_executed_once(own: Path) -> None:
    net = load_own("my_net.py:Net")
    assert net.width == 7  # type: ignore[attr-defined]
    assert load_own(str(own / "my_net.py") + ":Net") is net
    assert load_own("my_net.py:late")() == 3  # type: ignore[operator]
    assert (own / "my_net.log").read_text() == "x"


def test_an_edited_file_is_executed_again(own: Path) -> None:
    before = load_own("my_net.py:Net")
    with (own / "my_net.py").open("a") as file:
        file.write("MORE = 1\n")
    assert load_own("my_net.py:MORE") == 1
    assert load_own("my_net.py:Net") is not before


def test_its_folder_shadows_nothing_afterwards(own: Path) -> None:
    load_own("my_net.py:Net")
    assert sys.path[-1] == str(own)
    assert sys.path[0] != str(own)
    sys.modules.pop("colorsys", None)
    import colorsys

    assert not hasattr(colorsys, "MINE")


def test_locating_executes_nothing(own: Path) -> None:
    assert locate_own("my_net.py:Net") == (Path("my_net.py"), "Net")
    assert locate_own("my_net.py:WIDTH").name == "WIDTH"
    assert not (own / "my_net.log").exists()


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("my_nat.py:Net", ["my_nat.py", "did you mean my_net.py?"]),
        ("no/folder/my_net.py:Net", ["there is no file"]),
        ("my_net.py:Nett", ["defines no Nett", "did you mean Net?"]),
        ("my_net.py", ["my_net.py:Net"]),
        ("my_net.py:", ["my_net.py:Net"]),
        ("my_net.txt:Net", ["my_code.py:Name"]),
    ],
)
def test_a_wrong_reference(own: Path, reference: str, parts: list[str]) -> None:
    line = problem(reference)
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("class Net:\n  def\n", ["line 2", "not Python"]),
        ("class Net: pass\n\nimport no_such_module_at_all\n", ["line 3", "ModuleNotFoundError"]),
        ("class Net: pass\nimport sys\nsys.exit(1)\n", ["line 3", "SystemExit"]),
        ("class Net: pass\ndel Net\n", ["defines no Net"]),
    ],
)
def test_a_file_that_cannot_be_imported(own: Path, source: str, parts: list[str]) -> None:
    (own / "broken.py").write_text(source)
    line = problem("broken.py:Net")
    assert all(part in line for part in parts), line


def test_provenance(own: Path) -> None:
    note = read_own("my_net.py").note(["Net"])
    assert note.file == "my_net.py"
    assert note.path == str(own / "my_net.py")
    assert note.names == ("Net",)
    assert set(note.modules) == {"my_net.py", "beside_my_net.py", "late_beside_my_net.py"}
    assert note.revision is None
    commit = ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message=1")
    for words in (("init", "--quiet"), ("add", "my_net.py"), commit):
        subprocess.run(["git", *words], check=True, cwd=own)
    again = read_own("my_net.py").note(["Net"])
    assert len(again.revision or "") == 40
    assert again.digest == note.digest
    (own / "late_beside_my_net.py").write_text("VALUE = 4\n")
    assert read_own("my_net.py").digest != note.digest
