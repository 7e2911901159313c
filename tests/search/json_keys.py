"""The keys that docs/json.md documents."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "json.md"


def documented_keys(command: str, part: str = "") -> set[str]:
    """The keys in the table of a command's JSON, or of a part of it."""
    heading = f"### {command}: {part}\n" if part else f"## {command}\n"
    section = re.split(r"^##", _PAGE.read_text(encoding="utf-8").partition(heading)[2], flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}
