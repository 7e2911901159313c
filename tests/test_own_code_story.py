"""docs/own_code.md: the script, its repairs, and the verdicts that the page quotes."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs/examples/stuck.py"
PAGE = (ROOT / "docs/own_code.md").read_text(encoding="utf-8")
WATCH = "watch = failmap.watch(model, optimizer, loss_fn)"
STEP = "watch.step(loss, inputs=symbols, outputs=outputs, targets=targets)"
LOGITS = "return self.readout(states[:, -1])"
OWN_LAST = "return self.readout(states[torch.arange(len(symbols)), lengths - 1])"


def replaced(text: str, old: str, new: str) -> str:
    """Replace what must be there exactly once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def watched() -> str:
    text = replaced(
        SCRIPT.read_text(encoding="utf-8"), "import torch\nfrom", "import failmap\nimport torch\nfrom"
    )
    text = replaced(text, "    for step in range", f"    {WATCH}\n    for step in range")
    text = replaced(text, "        optimizer.step()\n", f"        optimizer.step()\n        {STEP}\n")
    return replaced(text, "\n\n\nif __name__", "\n    watch.close()\n\n\nif __name__")


def without_softmax() -> str:
    return replaced(watched(), "return torch.softmax(self.readout(states[:, -1]), dim=-1)", LOGITS)


def repaired() -> str:
    text = replaced(without_softmax(), LOGITS, OWN_LAST)
    text = replaced(text, "forward(self, symbols: torch.Tensor)", "forward(self, symbols, lengths)")
    text = replaced(text, "symbols, _, targets = draw", "symbols, lengths, targets = draw")
    return replaced(text, "outputs = model(symbols)", "outputs = model(symbols, lengths)")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stuck.py"])


def quoted() -> list[str]:
    """The verdicts on the page, in order."""
    blocks = (block.removeprefix("\n") for block in PAGE.split("```")[1::2])
    return [block for block in blocks if block.startswith("failmap: ")]


def cause(text: str) -> str:
    found = re.search(r"^failmap: (\w+)", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


@pytest.mark.parametrize(("index", "expected"), [(0, "unreachable_output"), (1, "padding"), (2, "none")])
def test_the_page_quotes_the_verdict(index: int, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    import failmap

    text = (watched, without_softmax, repaired)[index]()
    exec(compile(text, "stuck.py", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert cause(printed) == cause(quoted()[index]) == expected
    # The second line is the evidence; the score depends on the machine's arithmetic.
    lines = printed[printed.index("failmap: ") :].splitlines()
    if expected != "none":
        assert lines[1] == quoted()[index].splitlines()[1]
    found = failmap.verdict("runs/stuck")
    assert found is not None
    assert found.cause == expected


@pytest.mark.parametrize("line", [WATCH, STEP, LOGITS, OWN_LAST])
def test_the_page_has_the_lines_that_the_test_adds(line: str) -> None:
    assert line in PAGE
