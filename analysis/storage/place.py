"""A folder that holds runs, as users name it: a path, or the URL of an object store."""

from pathlib import Path
from typing import TypeAlias

from upath import UPath

from analysis.errors import UserError, nearest

#: A path on a disk or network share, or within an object store.
AnyPath: TypeAlias = Path | UPath

#: Object stores by the scheme of their URLs, and the package that each needs.
SCHEMES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}


def place_of(text: str) -> AnyPath:
    """The folder that `storage=` names.

    Raises:
        UserError: a URL of no known kind, one that carries credentials, or one that leads out of its bucket.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Path(text)
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise UserError(
            f"storage={scheme}://...: a folder, or an object store ({known}){nearest(scheme, SCHEMES)}"
        )
    if "@" in rest or "?" in rest or "#" in rest:
        raise UserError(
            f"storage={scheme}://...: credentials do not belong into a URL, which is written to provenance "
            "and logs: set them in the environment (AWS_ACCESS_KEY_ID and the like)"
        )
    bucket, *folders = rest.rstrip("/").split("/")
    if not bucket or any(name in ("", ".", "..") for name in folders):
        raise UserError(f"storage={text}: needs a bucket, and folders that lead nowhere else")
    return UPath(f"{scheme}://{'/'.join((bucket, *folders))}")


def is_local(path: AnyPath) -> bool:
    """Whether it is a path of the file system, be it a disk or a network share."""
    return isinstance(path, Path)
