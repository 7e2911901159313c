"""The package as users install and import it."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from failmap.run_folder.paths import RunFolder
from failmap.search.commands.table import COMMANDS
from failmap.search.loading import from_yaml, resume_config
from failmap.search.study import Study

ROOT = Path(__file__).parents[1]
#: Two trials, made before the import root was `failmap` (revision 9a57b9e); without table and report.
OLD_RUN = ROOT / "tests" / "old_runs" / "before_failmap"
#: Names of the folders at the root, which no installed package may have.
FOLDERS = ("analysis", "datasets", "models", "search")


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, cwd=cwd, timeout=600, check=False
    )


@pytest.fixture
def old_run(tmp_path: Path) -> RunFolder:
    shutil.copytree(OLD_RUN, tmp_path / "runs" / "old")
    return RunFolder(tmp_path / "runs" / "old")


API = """
import importlib, pkgutil, sys
import failmap

for module in pkgutil.walk_packages(failmap.__path__, "failmap."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from failmap.run_folder.errors import UserError

run = failmap.load_run("old", sys.argv[1])
print(failmap.failure_map(run).states)
assert failmap.verdict(run, 0).cause == "none"
assert failmap.run("space=smoke", "plan=true", f"storage={sys.argv[1]}") == 0
try:
    failmap.check("task=partiy")
except UserError as error:
    assert "did you mean parity?" in str(error)
else:
    raise AssertionError("check took a typo")
assert set(failmap.__all__) == {
    *("check", "failure_map", "load_model", "load_run", "run", "run_function", "verdict", "watch")
}
roots = {name.partition(".")[0] for name in sys.modules}
assert not roots & {"analysis", "datasets", "models", "search"}, roots
"""


def test_functions_survive_the_import_of_every_module(old_run: RunFolder, tmp_path: Path) -> None:
    # Not in the checkout: its `datasets/` would be importable.
    ended = run(sys.executable, "-c", API, old_run.path.parent, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "'learns': 1" in ended.stdout


@pytest.mark.parametrize("entry", ["search.run", "analysis.report"])
def test_entries_load_no_module_twice(entry: str) -> None:
    ended = run(sys.executable, "-X", "importtime", "-m", entry, "no_such_key=1")
    assert ended.returncode == 2
    loaded = re.findall(r"\| +([\w.]+)$", ended.stderr, flags=re.MULTILINE)
    assert "failmap.search.commands.table" in loaded
    assert {name for name in loaded if name.partition(".")[0] in FOLDERS} <= {entry.partition(".")[0]}


def test_old_runs_open_resume_and_report(old_run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["run=old", f"storage={old_run.path.parent}"]
    assert COMMANDS["status"].run([*where, "--json"]) == 0
    (status,) = json.loads(capsys.readouterr().out)
    assert (status["num_ended"], status["num_unfinished"], status["num_cells"]) == (2, 0, 4)

    config = resume_config(from_yaml(old_run.config), ["budget.trials=3"])
    study = Study.open(config, old_run, print)
    assert dict(study.known.outcomes()) == {"learned": 2}
    study.close()
    capsys.readouterr()

    assert COMMANDS["report"].run([*where, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (cell,) = (cell for cell in report["cells"] if cell["trials"])
    assert (cell["labels"], cell["learned"], cell["trials"]) == (
        {"task.sequence_length": 3, "model.depth": 1},
        2,
        2,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy of the sources: setuptools leaves a folder there."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "__pycache__", "build", "runs", "tests", "*.egg-info")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=left_out)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    built = run(sys.executable, "-m", "pip", "wheel", ".", *options, "-w", folder, cwd=folder / "source")
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = ROOT / "failmap"
    files = {
        str((Path(folder) / name).relative_to(ROOT))
        for folder, _, names_here in os.walk(package, followlinks=True)
        for name in names_here
        if "__pycache__" not in folder and not name.startswith(".")
    }
    assert {name for name in files if name.endswith((".py", ".yaml", ".j2", ".gz"))} <= names <= files


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """The bin folder of a new environment with the wheel and another package named `datasets`."""
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    options = ["--no-deps", "--no-index", "--quiet"]
    done = run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "datasets").mkdir()
    (packages / "datasets" / "__init__.py").write_text("OWNER = 'somebody else'\n")
    # The dependencies, from the environment that runs the tests. Its own .pth files are not read.
    shared = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "dependencies.pth").write_text("\n".join(shared))
    return environment / "bin"


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.xdist_group("cluster")
def test_wheel_runs_beside_packages_and_folders_of_the_same_names(installed: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name in FOLDERS:
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").write_text("raise ImportError('a module of the project')\n")
    owner = run(
        installed / "python",
        "-c",
        "import failmap, datasets; print(datasets.OWNER, failmap.__file__)",
        cwd=tmp_path,
    )
    assert owner.stdout.startswith(f"somebody else {installed.parent}"), owner.stderr
    words = ["space=smoke", "run=mine", "budget.trials=1", "cluster.cpus=1", "train.max_updates=10"]
    ended = run(installed / "failmap", "run", *words, cwd=project)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "failmap resume run=mine" in ended.stdout
    assert "python -m" not in ended.stdout
    folder = RunFolder(project / "runs" / "mine")
    assert "report: runs/mine/report/index.html" in ended.stdout
    assert (folder.report / "index.html").exists()
    assert (folder.report / "failure_map.png").exists()
