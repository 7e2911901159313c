"""Every command that README and docs quote is one that Failmap takes."""

import re
import shlex
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.search.cluster.manifests import KINDS
from failmap.search.commands.check import read_check_request
from failmap.search.commands.table import COMMANDS
from failmap.search.loading import read_request
from failmap.search.loading.cli_args import parse_arguments
from failmap.search.loading.own_trial import read_own_trial
from failmap.search.remote import read_remote_request

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: What comes before a command in an example: a prompt, a name of a machine, a variable, a path.
_PROMPT = re.compile(r"^(?:\w+\$|\$)?\s*(?:[A-Z_]+=\S+ )*(?:\S*/bin/)?(?=failmap |python -m search\.)")
_REFUSED = "error:"
#: Own code that the page shows, by the file that its first line names.
OWN_CODE = {
    found[1]: found[0]
    for found in re.finditer(
        r"(?<=```python\n)# (\w+\.py)\n.*?(?=```)", (ROOT / "docs/own_models.md").read_text(), re.DOTALL
    )
}


def commands_of(page: Path) -> list[list[str]]:
    """Return the commands of a page as words, without those that are patterns or are shown to be refused."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = re.findall(r"`((?:failmap|python -m search\.)[^`\n]*=[^`\n]*)`", prose)
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        shown = block.splitlines()
        for line, after in zip(shown, [*shown[1:], ""], strict=True):
            if (prompt := _PROMPT.match(line)) and not after.startswith(_REFUSED):
                lines.append(line[prompt.end() :])
    found = []
    for line in lines:
        # Behind the command stands a comment, a file or an explanation.
        command = re.split(r"\s+[#>]|\s{2,}", line)[0]
        if not re.search(r"\.\.\.|\[|NAME|FOLDER|=N\b", command):
            first, *words = shlex.split(command)
            found.append(words if first == "failmap" else [words[1].removeprefix("search."), *words[2:]])
    return [words for words in found if any("=" in word for word in words)]


QUOTED = [(page.relative_to(ROOT).as_posix(), words) for page in PAGES for words in commands_of(page)]


def test_there_are_many() -> None:
    assert len(QUOTED) > 60
    assert {"run", "resume", "check", "rescue", "manifest", "submit"} <= {words[0] for _, words in QUOTED}


@pytest.mark.parametrize(
    ("page", "words"), QUOTED, ids=[f"{page}: {' '.join(words)}" for page, words in QUOTED]
)
def test_quoted_command(page: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *arguments = words
    # Files that the page describes, of the space that it shows.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_space.yaml").write_text((ROOT / "search/conf/space/smoke.yaml").read_text())
    if any(argument.startswith("train=") for argument in arguments):
        for folder in (tmp_path, tmp_path / "docs" / "examples"):
            shutil.copytree(ROOT / "docs" / "examples", folder, dirs_exist_ok=True)
    for file, source in OWN_CODE.items():
        (tmp_path / file).write_text(source)
    arguments = [argument for argument in arguments if argument != "--json"]
    assert name in COMMANDS
    known = {key.partition("=")[0] for key in COMMANDS[name].help_page().keys}
    match name:
        case "run":
            read_request(arguments)
        case "check" if any(argument.startswith("train=") for argument in arguments):
            read_own_trial(arguments)
        case "check":
            own = ("range_test=", "picture=")
            read_check_request([argument for argument in arguments if not argument.startswith(own)])
        case "submit" | "manifest":
            problems: list[str] = []
            read = parse_arguments(arguments, problems)
            own = ["follow"]
            if name == "manifest":
                settings = KINDS[read["kind"].text].model_fields
                own = ["kind", *settings]
                assert {key for key, field in settings.items() if field.is_required()} <= read.keys()
            # Packages of other clouds are installed where they are used.
            elsewhere = read["storage"].text.startswith("gs:") if "storage" in read else False
            with pytest.raises(UserError, match="needs the package") if elsewhere else nullcontext():
                read_remote_request(arguments, read, own, problems)
        case _:
            assert {argument.partition("=")[0] for argument in arguments if "=" in argument} <= known


def test_a_wrong_command_would_be_seen() -> None:
    with pytest.raises(UserError):
        read_request(["space=lstm_depht"])
