"""Check that a cluster's Python has the packages that a run needs, in one line instead of a traceback.

A job ships the code of Failmap, and not what it stands on. `failmap submit` runs this first, as
`python -m failmap.search.cluster.check_packages`, so it imports nothing but the standard library.
"""

import sys
from collections.abc import Iterable
from importlib.util import find_spec

#: The packages of pyproject.toml whose import has another name, by the latter.
OTHER_NAMES = {
    "sklearn": "scikit-learn",
    "typing_extensions": "typing-extensions",
    "upath": "universal-pathlib",
    "yaml": "pyyaml",
}
#: The names of all imports.
REQUIRED = (
    *(
        "cmaes",
        "jaxtyping",
        "jinja2",
        "matplotlib",
        "mlxtend",
        "numpy",
        "omegaconf",
        "optuna",
        "pandas",
        "psutil",
    ),
    *("pyarrow", "pydantic", "ray", "rich", "safetensors", "scipy", "threadpoolctl", "torch", *OTHER_NAMES),
)


def missing_packages(names: Iterable[str] = REQUIRED) -> list[str]:
    """Return the packages that are not installed, by the names under which they can be."""
    return [OTHER_NAMES.get(name, name) for name in names if find_spec(name) is None]


if __name__ == "__main__":
    if missing := missing_packages():
        sys.exit(
            f"error: the Python of this cluster ({sys.executable}) lacks {', '.join(missing)}: "
            "install them on every node, or in its image"
        )
