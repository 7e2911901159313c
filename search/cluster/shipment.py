"""What a job is shipped: the package and the user's YAML files. No data, no runs, nothing else."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from failmap.analysis.errors import UserError
from failmap.search.cluster.code import CODE_ROOT, PACKAGE
from failmap.search.provenance import SHIPPED_CODE, describe_code

#: The folder in which the job runs, with the user's files, and the package beside it.
WORKING_DIR, SHIPPED_PACKAGE = "job", PACKAGE.name
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
    package = folder / SHIPPED_PACKAGE
    shutil.copytree(PACKAGE, package, ignore=_not_code)
    (package / SHIPPED_CODE).write_text(json.dumps(describe_code(CODE_ROOT)), encoding="utf-8")
    (folder / WORKING_DIR).mkdir()
    shipped = [_with_its_file(word, folder) for word in words]
    if megabytes(folder) > MAX_MEGABYTES:
        raise UserError(
            f"{PACKAGE}: its code comes to {megabytes(folder):.0f} MB, more than {MAX_MEGABYTES}: "
            "what lies in it that is no code?"
        )
    return shipped


def megabytes(folder: Path) -> float:
    """Size of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def _not_code(folder: str, names: list[str]) -> set[str]:
    """Return what is not shipped. A checkout links to its own packages: no other link is followed."""
    is_top = Path(folder) == PACKAGE
    return {
        name
        for name in names
        if name == "__pycache__" or name[0] == "." or ((Path(folder) / name).is_symlink() and not is_top)
    }


def _with_its_file(word: str, folder: Path) -> str:
    """A word that names a YAML file of the user's, with the file's place in the shipment."""
    key, _, text = word.partition("=")
    source = Path(text)
    if key not in _GROUPS or source.suffix not in (".yaml", ".yml"):
        return word
    place = Path(key) / source.name
    (folder / WORKING_DIR / key).mkdir(exist_ok=True)
    shutil.copyfile(source, folder / WORKING_DIR / place)
    return f"{key}={place}"
