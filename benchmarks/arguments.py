"""The `key=value` arguments of the benchmarks."""

import sys
from types import SimpleNamespace


def parse_arguments(**defaults: str | float) -> SimpleNamespace:
    """Return the command line's arguments over these defaults, each converted to the type of its default.

    Exits with status 1 and the known keys if a key is unknown.
    """
    given = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    if unknown := given.keys() - defaults.keys():
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(defaults)}")
    return SimpleNamespace(**{key: type(value)(given.get(key, value)) for key, value in defaults.items()})
