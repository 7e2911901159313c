"""The settings and the rendering of each kind of manifest. User input is quoted for YAML or the shell."""

import re
import shlex
from collections.abc import Sequence
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Annotated, TypeAlias

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field, StringConstraints

from failmap.datasets.config import Config
from failmap.run_folder.command_lines import command_line
from failmap.search.cluster.job_package import CODE_ROOT
from failmap.search.config import RunConfig

#: A label of RFC 1123, as Kubernetes names its objects; an image; a name of a cloud or Slurm.
Label: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)
]
Image: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$", max_length=255)
]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,-]*$", max_length=255)]
Folder: TypeAlias = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]*$")]


class Settings(Config):
    """Settings of every kind."""

    workers: int = Field(default=4, ge=1, le=1000, description="nodes that run trials")


class KubeRaySettings(Settings):
    """A RayJob of KubeRay 1.5.1 or later."""

    image: Image = Field(description="container image that has Failmap and its packages")
    cpus: int = Field(default=8, ge=1, le=512, description="CPUs of each worker")
    gpus: int = Field(default=1, ge=0, le=16, description="GPUs of each worker")
    memory: int = Field(default=32, ge=1, le=8192, description="GiB of each worker")
    claim: Label | None = Field(
        default=None, description="PersistentVolumeClaim (ReadWriteMany) to be mounted as storage="
    )
    secret: Label | None = Field(
        default=None, description="Secret with the object store's keys, as AWS_ACCESS_KEY_ID and the like"
    )
    attempts: int = Field(default=10, ge=0, le=1000, description="new clusters after one is lost")
    grace: int = Field(
        default=120, ge=1, le=3600, description="seconds that a worker gets to save its trials"
    )


class SlurmSettings(Settings):
    """A batch script."""

    cpus: int = Field(default=8, ge=1, le=512, description="CPUs of each node")
    gpus: int = Field(default=1, ge=0, le=16, description="GPUs of each node")
    hours: int = Field(
        default=12, ge=1, le=10_000, description="time limit; the job continues after a requeue"
    )
    partition: Name | None = Field(default=None, description="partition to run in; none: Slurm's default")
    code: Folder | None = Field(
        default=None, description="folder of Failmap, seen by every node; none: this one"
    )
    environment: Folder | None = Field(
        default=None, description="virtual environment, seen by every node; none: .venv in that folder"
    )


class CloudSettings(Settings):
    """A cluster of `ray up`."""

    code: Folder | None = Field(default=None, description="folder of Failmap on this machine; none: this one")
    spot: bool = Field(default=True, description="preemptible workers, for a third of the price")


class AwsSettings(CloudSettings):
    """On Amazon's EC2."""

    region: Name = Field(default="us-west-2", description="region")
    head: Name = Field(default="m5.xlarge", description="instance type of the head, which runs no trials")
    worker: Name = Field(default="g5.2xlarge", description="instance type of the workers")
    ami: Name | None = Field(default=None, description="machine image; none: Ray's choice for the region")
    profile: Name | None = Field(
        default=None, description="instance profile that may read and write the bucket of storage="
    )


class GcpSettings(CloudSettings):
    """On Google's Compute Engine."""

    project: Name = Field(description="id of the project")
    region: Name = Field(default="us-west1", description="region")
    zone: Name = Field(default="us-west1-b", description="zone in the region")
    head: Name = Field(default="n2-standard-4", description="machine type of the head, which runs no trials")
    worker: Name = Field(default="n1-standard-8", description="machine type of the workers")
    gpus: int = Field(default=1, ge=0, le=16, description="GPUs of each worker")
    accelerator: Name = Field(default="nvidia-tesla-t4", description="kind of their GPUs")
    image: Image = Field(
        default="projects/deeplearning-platform-release/global/images/family/common-cu124",
        description="machine image with Python 3.11 or later, and the GPU's driver",
    )


KINDS: dict[str, type[Settings]] = {
    "kuberay": KubeRaySettings,
    "slurm": SlurmSettings,
    "aws": AwsSettings,
    "gcp": GcpSettings,
}


def render(kind: str, settings: Settings, config: RunConfig, arguments: Sequence[str]) -> str:
    """Return the manifest of a run.

    Args:
        kind: One of `KINDS`.
        settings: Settings of that kind.
        config: The run's configuration; every node sees its storage.
        arguments: The arguments of search.run, without `cluster.address` and `resume`.
    """
    assert isinstance(settings, KINDS[kind])
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Bash writes {# for lengths.
        comment_start_string="{##",
        comment_end_string="##}",
    )
    environment.filters.update(yaml=yaml_text, shell=shlex.quote, words=shlex.join)
    template = environment.get_template(f"{kind}.{'sh' if kind == 'slurm' else 'yaml'}.j2")
    return template.render(
        settings=settings,
        config=config,
        words=[*arguments],
        name=label(config.run),
        code=getattr(settings, "code", None) or str(CODE_ROOT),
        ray_version=metadata.version("ray"),
        packages=("analysis", "datasets", "failmap", "models", "search"),
        submit=command_line("submit"),
    )


def yaml_text(text: str) -> str:
    """Return a text as a quoted scalar of YAML, in one line of ASCII."""
    return yaml.safe_dump(text, default_style='"', width=10**9).rstrip("\n")


def label(run: str) -> str:
    """Return a run's name as an RFC 1123 label, short enough for the suffixes that clouds add."""
    plain = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    if plain == run and len(plain) <= 30:
        return f"failmap-{plain}"
    digest = blake2b(run.encode(), digest_size=3).hexdigest()
    return f"failmap-{plain[:23].strip('-')}-{digest}"
