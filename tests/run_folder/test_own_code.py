import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import OwnCode, locate_own, read_own
from failmap.run_folder.own_copies import note_of, read_copy, store_copy
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


def test_an_edited_module_is_executed_again_with_the_file(own: Path) -> None:
    load_own("my_net.py:Net")
    assert load_own("my_net.py:late")() == 3  # type: ignore[operator]
    (own / "beside_my_net.py").write_text("WIDTH = 8\n")
    (own / "late_beside_my_net.py").write_text("VALUE = 4\n")
    assert load_own("my_net.py:Net").width == 8  # type: ignore[attr-defined]
    assert load_own("my_net.py:late")() == 4  # type: ignore[operator]


def test_tracebacks_show_the_lines_that_were_executed(own: Path) -> None:
    (own / "raises.py").write_text("def fails():\n    raise KeyError  # as executed\n")
    fails = load_own("raises.py:fails")
    (own / "raises.py").write_text("# edited\n# edited\n# edited\n")
    with pytest.raises(KeyError) as caught:
        fails()  # type: ignore[operator]
    shown = "".join(traceback.format_exception(caught.value))
    assert "# as executed" in shown
    assert f'"{own / "raises.py"}", line 2' in shown


def test_files_of_two_folders_have_modules_of_their_own(own: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "my_net.py").write_text("import beside_my_net\nclass Net:\n    width = beside_my_net.WIDTH\n")
    (other / "beside_my_net.py").write_text("WIDTH = 9\n")
    widths = [load_own(f"{folder}/my_net.py:Net").width for folder in (own, other, own)]  # type: ignore[attr-defined]
    assert widths == [7, 9, 7]


def test_what_is_read_with_a_file(own: Path) -> None:
    (own / "pack" / "deep").mkdir(parents=True)
    (own / "plain").mkdir()
    texts = {
        "main.py": "import pack.deep.one, torch, os.path, missing\nfrom plain import two\nimport failmap",
        "pack/__init__.py": "",
        "pack/deep/__init__.py": "from ..up import *",
        "pack/deep/one.py": "def late():\n    from . import three\n    from .... import too_far",
        "pack/deep/three.py": "not python",
        "pack/up.py": "import main",
        "pack/unused.py": "",
        "plain/two.py": "try:\n    import four as five\nexcept ImportError:\n    pass",
        "four.py": "from importlib import import_module\nimport_module('computed')",
        "computed.py": "",
        "failmap.py": "",
    }
    for name, text in texts.items():
        (own / name).write_text(text)
    read = read_own("main.py")
    assert next(iter(read.contents)) == "main.py"
    assert set(read.contents) == set(texts) - {"pack/unused.py", "computed.py", "failmap.py"}
    assert all(content == texts[name].encode() for name, content in read.contents.items())


@pytest.mark.parametrize("size", ["number", "bytes"])
def test_too_much_is_not_read(own: Path, size: str) -> None:
    (own / "main.py").write_text("".join(f"import m{number}\n" for number in range(600)))
    for number in range(600 if size == "number" else 3):
        (own / f"m{number}.py").write_text("" if size == "number" else "#" * 9_000_000)
    with pytest.raises(UserError, match=r"main\.py"):
        read_own("main.py")


def test_a_copy_is_read_from_within_its_folder(own: Path, tmp_path: Path) -> None:
    contents = {"my_net.py": b"", "../outside.py": b"OUTSIDE = 1\n"}
    code = OwnCode("my_net.py", own / "my_net.py", contents)
    store_copy(code, tmp_path / "own_code")
    with pytest.raises(UserError, match="not what was read"):
        read_copy(note_of(code, ["Net"]), tmp_path / "own_code")
    inside = OwnCode("my_net.py", own / "my_net.py", {"my_net.py": b"", "pack/inside.py": b""})
    store_copy(inside, tmp_path / "own_code")
    assert read_copy(note_of(inside, ["Net"]), tmp_path / "own_code") == inside


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
    note = note_of(read_own("my_net.py"), ["Net"])
    assert note.file == "my_net.py"
    assert note.path == str(own / "my_net.py")
    assert note.names == ("Net",)
    assert set(note.modules) == {"my_net.py", "beside_my_net.py", "late_beside_my_net.py"}
    assert note.revision is None
    commit = ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message=1")
    for words in (("init", "--quiet"), ("add", "my_net.py"), commit):
        subprocess.run(["git", *words], check=True, cwd=own)
    again = note_of(read_own("my_net.py"), ["Net"])
    assert len(again.revision or "") == 40
    assert again.digest == note.digest
    (own / "late_beside_my_net.py").write_text("VALUE = 4\n")
    assert read_own("my_net.py").digest != note.digest
