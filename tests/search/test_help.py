"""The table of commands, their help pages, and shell completion."""

import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from failmap.run_folder.command_lines import program
from failmap.run_folder.errors import UserError
from failmap.search.commands.help import WIDTH
from failmap.search.commands.table import COMMANDS, overview
from failmap.search.loading.cli_args import shipped
from failmap.search.loading.fields import Schema

ROOT = Path(__file__).parents[2]


def help_of(name: str) -> str:
    return COMMANDS[name].help_page().render()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_entry(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"  {name} " in overview()
    assert COMMANDS[name].run(["run=x", "--help"]) == 0
    text = capsys.readouterr().out
    assert text == help_of(name)
    typed = " ".join(program(name))
    assert text.startswith(f"usage: {typed} ")
    assert all(len(line) <= WIDTH for line in text.splitlines() if typed not in line)
    match program(name):
        case ("python", "-m", entry):
            assert find_spec("failmap." + entry) is not None
            assert f'main("{name}")' in (ROOT / entry.replace(".", "/")).with_suffix(".py").read_text()
        case others:
            assert others == ("failmap", "completion")


def test_readme_lists_the_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {name for name in COMMANDS if f"`{name}`" in readme} == set(COMMANDS)
    written = re.findall(r"(?:failmap |python -m search\.)([a-z]+)[ `]", readme)
    assert set(written) <= set(COMMANDS)


def test_run_lists_every_key_of_a_trial() -> None:
    keys = COMMANDS["run"].help_page().keys
    paths = [path for path in Schema.of_all_kinds().paths() if not path.endswith(".name")]
    assert set(paths) <= set(keys)
    assert {"seed", "map.facet", "budget.minutes", "cluster.retries.preempted"} <= set(keys)


def test_run_lists_every_shipped_file() -> None:
    text = help_of("run")
    assert all(f"  {name} " in text for name in [*shipped("space"), *shipped("budget"), *shipped("cluster")])


def test_fields_have_type_default_and_owner() -> None:
    text = " ".join(help_of("run").split())
    assert "(whole number; default 1500)" in text
    assert "(whole number or none; default none) [parity]" in text
    assert "{text: number, ...}" in text
    assert "(default for task=array_file)" in text


def test_resume_lists_only_what_may_change() -> None:
    keys = COMMANDS["resume"].help_page().keys
    assert "budget.minutes" in keys
    assert "train.clip_norm" not in keys


@pytest.mark.parametrize(
    ("arguments", "status", "lines"),
    [
        (["-m", "failmap", "--help"], 0, []),
        (["-m", "failmap", "status", "storage=tets"], 2, ["did you mean tests?"]),
        (["-m", "failmap", "report", "run=x", "storage=tets"], 2, ["did you mean tests?"]),
        (
            ["-m", "failmap", "resume", "run=x", "storage=README.md"],
            2,
            ["is not a folder"],
        ),
        (["-m", "failmap", "rnu"], 2, ["did you mean run?"]),
        (["-m", "failmap", "completion", "bsh"], 2, ["did you mean bash?"]),
        (["-m", "search.run", "moedl.depth=3", "sede=1"], 2, ["model.depth", "seed"]),
        (["-m", "failmap", "run", "--json"], 2, ["plan=true"]),
    ],
)
def test_exit_status_of_mistakes(arguments: list[str], status: int, lines: list[str]) -> None:
    ended = run(*arguments)
    assert ended.returncode == status, ended.stderr
    shown = ended.stderr.splitlines()
    assert len(shown) == len(lines), shown
    assert all(line.startswith("error: ") and hint in line for line, hint in zip(shown, lines, strict=True))


def test_closed_pipe_is_silent() -> None:
    ended = subprocess.run(
        ["bash", "-c", '"$0" -m failmap run --help | true; echo ${PIPESTATUS[0]}', sys.executable],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == ("0\n", "")


@pytest.mark.parametrize("entry", [["failmap"], ["failmap", "status"], ["search.run"]])
def test_versions_without_slow_imports(entry: list[str]) -> None:
    ended = run("-X", "importtime", "-m", *entry, "--version")
    assert ended.returncode == 0
    parts = dict(part.split(" ") for part in ended.stdout.strip().split(", "))
    assert parts["Python"] == platform.python_version()
    assert all(parts[name] == version(name) for name in ("failmap", "torch", "ray", "optuna"))
    assert not re.search(r"\| +(torch|ray|optuna|pydantic)\b", ended.stderr)


def test_overview_needs_no_pydantic() -> None:
    loaded = run("-X", "importtime", "-m", "failmap", "--help").stderr
    assert "failmap.search.commands.table" in loaded
    assert not re.search(r"\| +(pydantic|yaml|torch|rich)\b", loaded)


def completions(shell: str, script: str, line: str, folder: Path) -> list[str]:
    """The candidates for a line in a real shell, in a folder with the runs alpha and `$(touch hacked)`."""
    for name in ("alpha", "$(touch hacked)"):
        (folder / "runs" / name).mkdir(parents=True, exist_ok=True)
        (folder / "runs" / name / "config.yaml").touch()
    if shell == "fish":
        program = 'source $argv[1]; complete -C "$argv[2]"'
        command = ["fish", "-N", "-c", program, script, line]
    else:
        # As readline does it: words are split at their = as well.
        words = " ".join(re.findall(r"=|[^ =]+", line))
        last = "''" if line.endswith(" ") else ""
        program = f"""
            source "$1"; COMP_LINE="$2"; COMP_POINT=${{#2}}; COMP_WORDS=({words} {last})
            COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); complete -p failmap > /dev/null && _failmap
            printf '%s\\n' "${{COMPREPLY[@]}}" """
        command = ["bash", "-c", program, "bash", script, line]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    assert not (folder / "hacked").exists()
    return [line.split("\t")[0] for line in ended.stdout.split("\n") if line]


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert COMMANDS["completion"].run([shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)

    def complete(line: str) -> list[str]:
        return [one.rpartition("=")[2] or one for one in completions(shell, str(script), line, tmp_path)]

    assert complete("failmap sta") == ["status"]
    assert set(complete("failmap ")) >= set(COMMANDS)
    assert complete("failmap run train.learning_r") == ["train.learning_rate="]
    assert complete("failmap stop wa") == ["wait="]
    assert complete("failmap report --j") == ["--json"]
    assert complete("failmap run space=lstm_d") == ["lstm_depth"]
    assert complete("failmap run task=array") == ["array_file"]
    assert set(complete("failmap resume budget=")) >= {"quick", "hour", "full"}
    assert complete("failmap resume run=a") == ["alpha"]
    assert complete("failmap resume storage=elsewhere run=a") == []


def test_zsh_uses_the_script_of_bash(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for shell in ("bash", "zsh"):
        COMMANDS["completion"].run([shell])
        texts.append(capsys.readouterr().out)
    assert set(texts[0].splitlines()[:-1]) < set(texts[1].splitlines())
    assert "bashcompinit" in texts[1]


def test_flags_must_be_true_or_false() -> None:
    with pytest.raises(UserError, match=r"^wait=perhaps: must be true or false$"):
        COMMANDS["stop"].run(["run=x", "wait=perhaps"])
