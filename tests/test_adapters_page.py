"""docs/adapters.md: its scripts, and the verdict that it quotes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/adapters.md").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("name", ["stuck_lightning", "stuck_transformers"])
def test_the_page_quotes_the_verdict(name: str, tmp_path: Path) -> None:
    script = ROOT / "docs" / "examples" / f"{name}.py"
    ended = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.returncode == 0, ended.stderr
    (quoted,) = (block.strip() for block in PAGE.split("```")[1::2] if block.strip().startswith("failmap: "))
    # The third line on depends on the order of the batches.
    for line in quoted.splitlines()[:2]:
        assert line in ended.stdout
    assert (tmp_path / "runs" / name / "trials").is_dir()
    assert f"examples/{name}.py" in PAGE
