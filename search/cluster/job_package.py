"""The files shipped with a cluster job: the package, and the user's YAML files and code. No data, no runs."""

import json
import re
import shutil
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import failmap
from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import read_own
from failmap.search.provenance import SHIPPED_CODE, describe_code

PACKAGE = Path(failmap.__file__).parent
#: In a checkout, the folder of the git repository; otherwise site-packages.
CODE_ROOT = PACKAGE.parent
#: The job's working directory, with the user's files, and the package beside it.
WORKING_DIR, SHIPPED_PACKAGE = "job", PACKAGE.name
#: Where own code lies in the working directory whose path leads out of the user's folder.
OWN_CODE = "own_code"
#: Own code in an argument or a YAML file, as FILE.py:NAME.
_REFERENCE = re.compile(r"""(?<![^\s=,\[\]{}'"])([^\s=,\[\]{}'":]+\.py):[A-Za-z_]\w*""")
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
        UserError: The package is too large, or a file of own code is missing.
    """
    package = folder / SHIPPED_PACKAGE
    shutil.copytree(PACKAGE, package, ignore=_not_code)
    (package / SHIPPED_CODE).write_text(json.dumps(describe_code(CODE_ROOT)), encoding="utf-8")
    (folder / WORKING_DIR).mkdir()
    working_dir = folder / WORKING_DIR
    shipped = [_ship_code(_ship_yaml(argument, working_dir), working_dir) for argument in arguments]
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


def _ship_yaml(argument: str, working_dir: Path) -> str:
    """Copy the YAML file that an argument names, and return the argument with the copy's path.

    Other arguments are returned unchanged.
    """
    key, _, text = argument.partition("=")
    source = Path(text)
    if key not in ("space", "budget", "cluster") or source.suffix not in (".yaml", ".yml"):
        return argument
    copy = Path(key) / source.name
    (working_dir / key).mkdir(exist_ok=True)
    text = _ship_code(source.read_text(encoding="utf-8"), working_dir)
    (working_dir / copy).write_text(text, encoding="utf-8")
    return f"{key}={copy}"


def _ship_code(text: str, working_dir: Path) -> str:
    """Copy the own code that an argument or a YAML text names, and return the text with the copies' paths.

    With each file go the modules of its folder that it imports.
    """
    return _REFERENCE.sub(lambda found: found[0].replace(found[1], _copied(found[1], working_dir), 1), text)


def _copied(file: str, working_dir: Path) -> str:
    source = Path(file)
    if not source.is_file():
        raise UserError(f"{file}: there is no such file, and a job needs it")
    is_inside = not source.is_absolute() and ".." not in source.parts
    copy = source if is_inside else Path(OWN_CODE) / f"{_digest(source.parent)}" / source.name
    code = read_own(file)
    for module, content in code.contents.items():
        place = working_dir / (copy if module == code.path.name else copy.parent / module)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return str(copy)


def _digest(folder: Path) -> str:
    """Return a name for a folder, so that files of one name from two folders do not meet."""
    return blake2b(str(folder.resolve()).encode(), digest_size=4).hexdigest()
