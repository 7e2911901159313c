"""Locations of runs, as users name them: a path, or the URL of an object store."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

from upath import UPath

from failmap.run_folder.errors import UserError, nearest

#: A path on a disk or network share, or within an object store.
AnyPath: TypeAlias = Path | UPath

#: Object stores by the scheme of their URLs, and the package that each needs.
SCHEMES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}

#: Options of fsspec. Others write there too, so listings are never cached. Only `run_folder.storage.retries`
#: retries requests: two layers would multiply. Files are read in one request each.
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "use_listings_cache": False,
        "max_concurrency": 1,
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 30,
            "retries": {"total_max_attempts": 1},
            "max_pool_connections": 32,
        },
    },
    "gs": {"use_listings_cache": False},
    "az": {"use_listings_cache": False},
}


def parse_location(text: str) -> AnyPath:
    """Return the folder that `storage=` names. It is not accessed.

    Raises:
        UserError: The URL is of no known kind, contains credentials, leads out of its bucket, or needs a
            package that is not installed.
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
            f"storage={scheme}://...: credentials do not belong in a URL, which is written to provenance "
            "and logs: set them in the environment (AWS_ACCESS_KEY_ID and the like)"
        )
    bucket, *folders = rest.rstrip("/").split("/")
    if not bucket or any(name in ("", ".", "..") for name in folders) or set(rest) & set("*[]{}\\"):
        raise UserError(f"storage={text}: needs a bucket, and folders of plain names that lead nowhere else")
    if find_spec(SCHEMES[scheme]) is None:
        extra = "; pip install -e '.[cluster]' brings it" if scheme == "s3" else ""
        raise UserError(f"storage={text}: needs the package {SCHEMES[scheme]}, which is not installed{extra}")
    place: UPath = UPath(f"{scheme}://{'/'.join((bucket, *folders))}", **_OPTIONS[scheme])
    return place


def is_local(path: AnyPath) -> TypeGuard[Path]:
    """Return whether a path is in the file system: on a disk or a network share."""
    return isinstance(path, Path)
