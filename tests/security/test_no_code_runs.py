"""Nothing in a run's folder is executed: our programs read no pickles, whatever the file name."""

import ast
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.chaos.loaders import RUN_FILES, write_run
from failmap.run_folder.errors import UserError
from failmap.search.commands.reading import status
from failmap.search.commands.reporting import report
from failmap.search.commands.running import resume
from failmap.search.loading import load, to_yaml

ROOT = Path(__file__).parents[2]
#: Calls that execute what they read, or pass text to a shell.
FORBIDDEN = {
    "pickle.load", "pickle.loads", "cloudpickle.load", "cloudpickle.loads", "torch.load", "joblib.load",
    "pd.read_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "os.system",
    "spec.loader.exec_module", "os.popen", "tempfile.mktemp", "shelve.open", "marshal.load", "marshal.loads",
    "shutil.unpack_archive",
}  # fmt: skip
#: The user's own networks, tasks and training functions, which a command names, are executed.
ALLOWED = {("failmap/run_folder/own_import.py", "spec.loader.exec_module")}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_source_has_no_forbidden_calls() -> None:
    found = set()
    folders = (
        "analysis",
        "benchmarks",
        "datasets",
        "failmap/run_folder",
        "failmap/watcher",
        "models",
        "search",
    )
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for name, call in calls(path):
                settings = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                is_unsafe_load = name == "np.load" and settings.get("allow_pickle") != "False"
                if name in FORBIDDEN or is_unsafe_load or settings.get("shell") == "True":
                    found.add((path.relative_to(ROOT).as_posix(), name))
    assert found == ALLOWED


NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, input_size, output_size, width):
        super().__init__()
        self.readout = nn.Linear(input_size, output_size)

    def forward(self, inputs):
        return self.readout(inputs[:, -1])
"""


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("program", [report, status, resume])
def test_pickles_are_refused_and_not_executed(
    program: Callable[[Sequence[str]], int], tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    content = pickle.dumps(Malicious(canary))
    arguments = ["run=run", f"storage={tmp_path / 'runs'}"]
    folder = tmp_path / "runs" / "run"
    for valid in ((), ("config.yaml",), ("config.yaml", "trials/0/record.json")):
        write_run(folder)
        for name in ("journal.log", "trials/0/checkpoint/state.safetensors", *RUN_FILES):
            if name not in valid:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(content)
        if program is resume and valid:
            continue  # It would start a search; the journal's loader is tested in test_loaders.py.
        with pytest.raises(UserError):
            program(arguments)
    assert not canary.exists()
    pickle.loads(content)
    assert canary.exists(), "the pickle is malicious"


def test_own_code_is_not_executed_by_who_only_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "my_net.py"
    own.write_text(NET)
    folder = tmp_path / "runs" / "run"
    folder.mkdir(parents=True)
    config = load(["space=smoke", "model=my_net.py:Net", "model.args.width=4,8", "run=run"])
    (folder / "config.yaml").write_text(to_yaml(config))
    own.write_text(f"{NET}\nopen('canary', 'w').close()\nraise SystemExit(3)")
    for program in (status, report):
        assert program(["run=run"]) == 0
    assert not Path("canary").exists()
    with suppress(UserError, SystemExit):
        resume(["run=run", "budget.minutes=0.01"])
    assert Path("canary").exists(), "the file is what a search executes"
