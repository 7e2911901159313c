"""The files shipped with a cluster job: the package, the user's YAML files and training function. No data."""

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
#: The job's working directory, with the user's files, and the package beside it.
WORKING_DIR, SHIPPED_PACKAGE = "job", PACKAGE.name
#: Ray keeps shipments in the memory of the head node.
MAX_MEGABYTES = 20


def code_environment() -> dict[str, Any]:
    """Return Ray's runtime environment that puts our package on the path of every worker.

    Ray follows the links of a checkout, packs the folder and uploads it once per content (by hash, at most
    500 MiB; ours is below 2 MB).
    """
    return {"py_modules": [str(PACKAGE)], "excludes": ["__pycache__"]}


def ship(arguments: Sequence[str], folder: Path) -> list[str]:
    """Copy what a job needs into a folder, and return the arguments to start the job with.

    Args:
        arguments: The command line's, valid.
        folder: An empty folder.

    Raises:
        UserError: The package is too large.
    """
    package = folder / SHIPPED_PACKAGE
    shutil.copytree(PACKAGE, package, ignore=_not_code)
    (package / SHIPPED_CODE).write_text(json.dumps(describe_code(CODE_ROOT)), encoding="utf-8")
    (folder / WORKING_DIR).mkdir()
    shipped = [_ship_file(argument, folder / WORKING_DIR) for argument in arguments]
    if megabytes(folder) > MAX_MEGABYTES:
        raise UserError(
            f"{PACKAGE}: its code is {megabytes(folder):.0f} MB large, more than {MAX_MEGABYTES}: "
            "remove the files from it that are not code"
        )
    return shipped


def megabytes(folder: Path) -> float:
    """Return the total size of the files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def _not_code(folder: str, names: list[str]) -> set[str]:
    """Return what is not shipped. A checkout links to its own packages: no other link is followed."""
    is_top = Path(folder) == PACKAGE
    return {
        name
        for name in names
        if name == "__pycache__" or name[0] == "." or ((Path(folder) / name).is_symlink() and not is_top)
    }


def _ship_file(argument: str, working_dir: Path) -> str:
    """Copy the YAML file, or the file of a training function, that an argument names, and return the
    argument with the copy's path.

    Other arguments are returned unchanged.
    """
    key, _, text = argument.partition("=")
    where, _, name = text.rpartition(":")
    if key == "train" and where.endswith(".py"):
        copy = Path(key) / Path(where).name
        (working_dir / key).mkdir(exist_ok=True)
        shutil.copyfile(where, working_dir / copy)
        return f"{key}={copy}:{name}"
    source = Path(text)
    if key not in ("space", "budget", "cluster") or source.suffix not in (".yaml", ".yml"):
        return argument
    copy = Path(key) / source.name
    (working_dir / key).mkdir(exist_ok=True)
    shutil.copyfile(source, working_dir / copy)
    return f"{key}={copy}"
