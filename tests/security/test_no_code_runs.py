"""Nothing in a run's folder is code: no program of ours reads a pickle, whatever a file is named."""

import ast
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.chaos.loaders import RUN_FILES, write_run
from failmap.run_folder.errors import UserError
from failmap.search.commands.reading import report, status
from failmap.search.commands.running import resume

ROOT = Path(__file__).parents[2]
#: Calls that run what they read, or hand a text to a shell.
FORBIDDEN = {
    "pickle.load", "pickle.loads", "cloudpickle.load", "cloudpickle.loads", "torch.load", "joblib.load",
    "pd.read_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "os.system",
    "os.popen", "tempfile.mktemp", "shelve.open", "marshal.load", "marshal.loads", "shutil.unpack_archive",
}  # fmt: skip
#: Where one of them stands, and why it may.
REASONED: dict[tuple[str, str], str] = {}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_no_source_file_has_a_call_that_runs_what_it_reads() -> None:
    found = set()
    for folder in ("analysis", "benchmarks", "datasets", "models", "search"):
        for path in (ROOT / folder).rglob("*.py"):
            for name, call in calls(path):
                settings = {word.arg: ast.unparse(word.value) for word in call.keywords}
                is_unsafe_load = name == "np.load" and settings.get("allow_pickle") != "False"
                if name in FORBIDDEN or is_unsafe_load or settings.get("shell") == "True":
                    found.add((path.relative_to(ROOT).as_posix(), name))
    assert found == set(REASONED)


class Malicious:
    """Unpickled, it leaves a file behind."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("program", [report, status, resume])
def test_a_run_of_pickles_is_refused_and_runs_nothing(
    program: Callable[[Sequence[str]], int], tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    content = pickle.dumps(Malicious(canary))
    words = ["run=run", f"storage={tmp_path / 'runs'}"]
    folder = tmp_path / "runs" / "run"
    for good in ((), ("config.yaml",), ("config.yaml", "trials/0/record.json")):
        write_run(folder)
        for place in ("journal.log", "trials/0/checkpoint/state.safetensors", *RUN_FILES):
            if place not in good:
                (folder / place).parent.mkdir(exist_ok=True)
                (folder / place).write_bytes(content)
        if program is resume and good:
            continue  # It would begin to search; the journal's loader is fuzzed by itself.
        with pytest.raises(UserError):
            program(words)
    assert not canary.exists()
    pickle.loads(content)
    assert canary.exists(), "the pickle would have done it"
