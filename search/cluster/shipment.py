"""What a job is shipped: our code and the user's YAML files. No data, no runs, nothing else of the folder."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from analysis.errors import UserError
from search.cluster.code import CODE_ROOT, PACKAGES
from search.provenance import SHIPPED_CODE, describe_code

#: Where the user's files lie in the shipment, by the word that names them.
_FILES = Path("words")
_GROUPS = ("space", "budget", "cluster")
#: Ray keeps shipments in the memory of the head node.
MAX_MEGABYTES = 20


def ship(words: Sequence[str], folder: Path) -> list[str]:
    """Fills a folder with what a job needs, and returns the words as the job is to have them.

    Args:
        words: the command line's, valid.
        folder: empty.

    Raises:
        UserError: it comes to too much.
    """
    for package in PACKAGES:
        shutil.copytree(CODE_ROOT / package, folder / package, ignore=_is_no_code, symlinks=True)
    (folder / SHIPPED_CODE).write_text(json.dumps(describe_code(CODE_ROOT)), encoding="utf-8")
    shipped = [_with_its_file(word, folder) for word in words]
    if megabytes(folder) > MAX_MEGABYTES:
        raise UserError(
            f"{CODE_ROOT}: its code comes to {megabytes(folder):.0f} MB, more than {MAX_MEGABYTES}: "
            f"what lies in {', '.join(PACKAGES)} that is no code?"
        )
    return shipped


def megabytes(folder: Path) -> float:
    """Size of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def _is_no_code(folder: str, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if name == "__pycache__" or (Path(folder) / name).is_symlink() or name[0] == "."
    }


def _with_its_file(word: str, folder: Path) -> str:
    """A word that names a YAML file of the user's, with the file's place in the shipment."""
    key, _, text = word.partition("=")
    source = Path(text)
    if key not in _GROUPS or source.suffix not in (".yaml", ".yml"):
        return word
    place = _FILES / key / source.name
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / place)
    return f"{key}={place}"
