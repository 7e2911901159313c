"""What a job is shipped: the package and the user's YAML files. No data, no runs, nothing else."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import failmap
from failmap.run_folder.errors import UserError
from failmap.search.provenance import SHIPPED_CODE, describe_code

PACKAGE = Path(failmap.__file__).parent
#: In a checkout, the folder of the git repository; otherwise site-packages.
CODE_ROOT = PACKAGE.parent


def code_environment() -> dict[str, Any]:
    """Return Ray's runtime environment that puts our package on the path of every worker.

    Ray follows the links of a checkout, packs the folder and uploads it once for each content (by hash, at
    most 500 MiB; ours has under 2 MB).
    """
    return {"py_modules": [str(PACKAGE)], "excludes": ["__pycache__"]}


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
