"""Fills in the templates. What comes from the command line is quoted, for YAML or for the shell."""

import re
import shlex
from collections.abc import Sequence
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from failmap.run_folder.command_lines import command_line
from failmap.search.cluster.code import CODE_ROOT
from failmap.search.cluster.manifests.settings import KINDS, Settings
from failmap.search.config import RunConfig

_TEMPLATES = Path(__file__).parent
_SUFFIXES = {"slurm": "sh"}


def render(kind: str, settings: Settings, config: RunConfig, words: Sequence[str]) -> str:
    """The manifest of a run.

    Args:
        kind: one of `KINDS`.
        settings: of that kind.
        config: of the run, whose storage every node sees.
        words: that search.run is to be given, without `cluster.address` and `resume`.
    """
    assert isinstance(settings, KINDS[kind])
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Bash writes {# for lengths.
        comment_start_string="{##",
        comment_end_string="##}",
        autoescape=False,
    )
    environment.filters.update(yaml=yaml_text, shell=shlex.quote, words=shlex.join)
    template = environment.get_template(f"{kind}.{_SUFFIXES.get(kind, 'yaml')}.j2")
    return template.render(
        settings=settings,
        config=config,
        words=[*words],
        name=label(config.run),
        code=getattr(settings, "code", None) or str(CODE_ROOT),
        ray_version=metadata.version("ray"),
        packages=("analysis", "datasets", "failmap", "models", "search"),
        submit=command_line("submit"),
    )


def yaml_text(text: str) -> str:
    """A text as a quoted scalar of YAML, in one line of ASCII."""
    return yaml.safe_dump(text, default_style='"', width=10**9).rstrip("\n")


def label(run: str) -> str:
    """A run's name as Kubernetes and clouds take one: RFC 1123, short enough for what they add to it."""
    plain = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    if plain == run and len(plain) <= 30:
        return f"failmap-{plain}"
    digest = blake2b(run.encode(), digest_size=3).hexdigest()
    return f"failmap-{plain[:23].strip('-')}-{digest}"
