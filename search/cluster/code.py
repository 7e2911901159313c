"""The code that travels to a cluster: the package `failmap`, whole, and nothing else."""

from pathlib import Path
from typing import Any

import failmap

PACKAGE = Path(failmap.__file__).parent
#: In a checkout, the folder of the git repository; otherwise site-packages.
CODE_ROOT = PACKAGE.parent


def code_environment() -> dict[str, Any]:
    """Return Ray's runtime environment that puts our package on the path of every worker.

    Ray follows the links of a checkout, packs the folder and uploads it once for each content (by hash, at
    most 500 MiB; ours has under 2 MB).
    """
    return {"py_modules": [str(PACKAGE)], "excludes": ["__pycache__"]}
