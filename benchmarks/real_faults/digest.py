"""The digest of a half of the cases: it shows later that none of its files was changed after it was written.

`python -m benchmarks.real_faults.digest` prints the digest of the unread half, which `unread.sha256` holds.
"""

import hashlib
from pathlib import Path

HERE = Path(__file__).parent


def digest_of(folder: Path) -> str:
    """Return the SHA-256 (hexadecimal) over the names and bytes of a folder's `*.py`, sorted by name.

    Each name and each file's bytes are preceded by their length, so that no byte can move between them.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py"), key=lambda path: path.name):
        for part in (path.name.encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


if __name__ == "__main__":
    print(digest_of(HERE / "unread"))
