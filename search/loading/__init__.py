"""From command-line arguments and YAML files to a validated RunConfig, with all mistakes at once."""

from failmap.search.loading.request import Request, load, read_request
from failmap.search.loading.stored import (
    differences,
    from_yaml,
    locate,
    require_map,
    require_searched,
    resume_config,
    to_yaml,
    unresumable_differences,
)

__all__ = [
    "Request",
    "differences",
    "from_yaml",
    "load",
    "locate",
    "require_map",
    "require_searched",
    "read_request",
    "resume_config",
    "to_yaml",
    "unresumable_differences",
]
