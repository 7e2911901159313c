"""Our code on every node: what a driver that joins a cluster sends along."""

from pathlib import Path
from typing import Any

CODE_ROOT = Path(__file__).parents[2]
#: What trials are made of. Nothing else of the working tree travels: no runs, no git, no environments.
PACKAGES = ("analysis", "datasets", "models", "search")


def code_environment() -> dict[str, Any]:
    """Ray's runtime environment that has our packages, and nothing else, as its working directory.

    Ray packs and uploads it once for each content (by hash, at most 500 MiB; ours has under 2 MB) and puts it
    first on the path of every worker.
    """
    others = sorted(entry.name for entry in CODE_ROOT.iterdir() if entry.name not in PACKAGES)
    return {
        "working_dir": str(CODE_ROOT),
        "excludes": [*(f"/{name}" for name in others), "__pycache__"],
    }
