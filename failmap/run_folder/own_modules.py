"""The modules that a file of the user's imports from its own folder, found without executing any."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from failmap.run_folder.errors import UserError

#: What is copied with one file of own code at most.
MAX_MODULES = 500
MAX_BYTES = 20_000_000
#: The package that every node of a cluster has. A checkout of it may be the file's folder.
_OURS = "failmap"


def read_source(path: Path) -> bytes:
    """Return the content of a file. Raises UserError if it cannot be read, or is too large."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: is larger than {MAX_BYTES / 1e6:g} MB, and must be Python code")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


def read_with_modules(path: Path) -> dict[str, bytes]:
    """Return a file's content, and that of each module below its folder that it or one of these imports.

    Imports anywhere in the code count, also within functions; names that are computed do not.

    Args:
        path: The file, absolute.

    Returns:
        Contents by path relative to the folder, with slashes; the file itself first.

    Raises:
        UserError: A file cannot be read, or they are too many or too large.
    """
    folder = path.parent
    contents = {path.name: read_source(path)}
    unread = [path.name]
    while unread:
        file = unread.pop()
        modules = (module for name in _imported(contents[file], file) for module in _files_of(folder, name))
        for module in dict.fromkeys(modules):
            if module not in contents:
                contents[module] = read_source(folder / module)
                unread.append(module)
        if len(contents) > MAX_MODULES or sum(map(len, contents.values())) > MAX_BYTES:
            raise UserError(
                f"{path}: imports more than {MAX_MODULES} modules or {MAX_BYTES / 1e6:g} MB from its folder, "
                "which are copied for the workers: move it into a folder of its own, and install the others"
            )
    return contents


def _imported(source: bytes, file: str) -> Iterator[str]:
    """Yield the dotted names that a file may import, from the folder on; none if it is not Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        # Whoever executes it says so.
        return
    package = PurePosixPath(file).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = node.level - 1
            if node.level and above >= len(package):
                continue
            base = package[: len(package) - above] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name
            # Each may be a module of the package.
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _files_of(folder: Path, name: str) -> Iterator[str]:
    """Yield the files below a folder that the import of a dotted name executes."""
    place = PurePosixPath()
    for part in name.split("."):
        place /= part
        if place == PurePosixPath(_OURS):
            return
        if (folder / place / "__init__.py").is_file():
            yield f"{place}/__init__.py"
        elif (folder / f"{place}.py").is_file():
            yield f"{place}.py"
            return
        elif not (folder / place).is_dir():
            return
