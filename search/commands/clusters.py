"""The commands that run a search on a cluster from another machine: `submit` and `manifest`."""

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import check_location, parse_location, store_of
from failmap.search.commands.help import RUN, HelpPage, Section, meaning
from failmap.search.config import Cluster, RunConfig
from failmap.search.loading import from_yaml, unresumable_differences
from failmap.search.loading.cli_args import Argument, boolean, parse_arguments
from failmap.search.loading.validation import check_fields
from failmap.search.remote import job_arguments, read_remote_request

if TYPE_CHECKING:
    from failmap.search.cluster.jobs import Jobs

#: Keys of `submit` that are about the job, not about the run.
_OWN_KEYS = ("follow",)
_DASHBOARD = "the dashboard of its head node, as in cluster.address=http://HOST:8265"
_STORAGE = ("storage", "storage that every node sees: s3://BUCKET/FOLDER or /FOLDER (required)")


def submit(arguments: Sequence[str]) -> int:
    """Run a search on a Ray cluster from another machine, as a job (docs/clusters/submit.md). The code is
    shipped. The same command follows the job while it runs, and continues the run after the job has ended.
    Ctrl-C stops following; the run continues.

    Other arguments than those of the running job, or of the stored run, are refused. What ends a job before
    it begins, such as a cluster without a package that a run needs, is shown with follow=false, too.

    Exit status: the job's; 0 with follow=false if it began; 130 after Ctrl-C; 2 for a mistake in the
    arguments.
    """
    problems: list[str] = []
    read = parse_arguments(arguments, problems)
    is_followed = boolean(read.get("follow"), problems, default=True)
    address = read.get("cluster.address")
    if address is None:
        problems.append(f"cluster.address: is missing: {_DASHBOARD}")
    else:
        problems += _address_problems(str(address.value))
    request = read_remote_request(arguments, read, _OWN_KEYS, problems)
    config = request.config
    # Not imported above: rich, and below Ray, delay the message about a typo.
    from rich.text import Text

    from failmap.search.terminal.view import SafeConsole

    console = SafeConsole()
    for note in request.notes:
        console.print(Text(note), soft_wrap=True)
    _require_same_run(config)
    jobs = _jobs(config.cluster)
    from failmap.search.cluster.job_package import megabytes, ship
    from failmap.search.cluster.jobs import job_stem

    with tempfile.TemporaryDirectory(prefix="failmap-submit-") as name:
        folder = Path(name)
        shipped = ship(job_arguments(arguments, _OWN_KEYS), folder)
        words = [*shipped, "cluster.address=auto", "resume=true"]
        size = megabytes(folder)
        job = jobs.submit(job_stem(config.run, config.storage), words, folder)
    state = f"submitted as {job.id}, with {size:.1f} MB of code" if job.is_new else f"is running as {job.id}"
    console.print(Text(f"run {config.run} {state}"), soft_wrap=True)
    where = [f"run={config.run}", f"storage={config.storage}"]
    next_commands = f"  {command_line('status', *where)}\n  {command_line('stop', *where)}"
    if not is_followed:
        if (status := jobs.wait_for_begin(job.id, console.print_line)) is not None:
            return status
        console.print(Text(next_commands), soft_wrap=True)
        return 0
    try:
        return jobs.follow(job.id, lambda text: print(text, end="", flush=True))
    except KeyboardInterrupt:
        message = f"\nNo longer following; the run continues.\n{next_commands}"
        console.print(Text(message), soft_wrap=True)
        return 130


def _require_same_run(config: RunConfig) -> None:
    """Raise UserError if the run exists with a configuration that the job would refuse.

    A storage that only the nodes see is left to the job.
    """
    folder = RunFolder(parse_location(config.storage) / config.run)
    try:
        check_location(folder.path.parent)
        if not store_of(folder.path).exists(folder.config):
            return
    except (OSError, UserError):
        return
    if changed := unresumable_differences(from_yaml(folder.config), config):
        raise UserError(
            f"{folder.path} exists already, with another configuration: choose another name with run=NAME. "
            "These keys differ:",
            *changed,
        )


def describe_job(run: str, storage: str, address: str) -> str:
    """Return a line on the last job of a run, which may have failed before the run's folder existed.

    Args:
        run: Its name.
        storage: As it was submitted with.
        address: The dashboard of the cluster's head node.

    Raises:
        UserError: The address is not a dashboard's, it does not answer, or its token is missing.
    """
    if problems := _address_problems(address):
        raise UserError(*problems)
    jobs = _jobs(Cluster(address=address))
    from failmap.search.cluster.jobs import job_stem

    return jobs.describe_last(job_stem(run, storage))


def _address_problems(address: str) -> list[str]:
    if address.startswith(("http://", "https://")):
        return []
    return [f"cluster.address={address}: must be {_DASHBOARD}"]


def _jobs(cluster: Cluster) -> "Jobs":
    """Return the jobs of a cluster. Raises UserError without Ray's Jobs client, or without an answer."""
    if find_spec("aiohttp") is None:
        raise UserError("Ray's Jobs client is not installed: pip install -e '.[cluster]'")
    from failmap.search.cluster.environment import prepare_jobs_client

    prepare_jobs_client(cluster)
    # Ray reads its environment when it is imported.
    from failmap.search.cluster.jobs import Jobs

    return Jobs(cluster)


def submit_help() -> HelpPage:
    """Return the help of `submit`."""
    first = "space=lstm_depth run=deep storage=s3://my-bucket/runs cluster.address=http://127.0.0.1:8265"
    keys = [
        ("run", "the name by which the job is found again (required)"),
        _STORAGE,
        ("cluster.address", "the dashboard of the cluster's head node: http://HOST:8265 (required)"),
        ("follow", "show the job's log until it ends (true or false; default true)"),
    ]
    return HelpPage(
        submit,
        "run=NAME storage=LOCATION cluster.address=http://HOST:8265 [KEY=VALUE ...]",
        [(first, "submit, and follow the log"), ("... follow=false", "submit, and return at once")],
        [Section("Arguments, besides those of the command run:", keys)],
    )


def manifest(arguments: Sequence[str]) -> int:
    """Print the files that start a cluster and a run on it (docs/clusters). Start nothing."""
    from failmap.search.cluster.manifests import KINDS, Settings, render

    problems: list[str] = []
    read = parse_arguments(arguments, problems)
    kind = read.get("kind", Argument("kind", "", "")).text
    if kind not in KINDS:
        raise UserError(f"kind={kind}: which cluster?{nearest(kind, KINDS)}")
    model: type[Settings] = KINDS[kind]
    own_keys = ("kind", *model.model_fields)
    own: dict[str, Any] = {name: read[name].value for name in model.model_fields if name in read}
    values = check_fields(model, own, problems)
    problems += (
        f"{name}: is missing: {field.description}"
        for name, field in model.model_fields.items()
        if field.is_required() and name not in own
    )
    if "cluster.address" in read:
        problems.append(f"{read['cluster.address']}: the manifest sets the cluster's address: leave it out")
    request = read_remote_request(arguments, read, own_keys, problems)
    print(render(kind, model(**values), request.config, job_arguments(arguments, own_keys)), end="")
    return 0


def manifest_help() -> HelpPage:
    """Return the help of `manifest`."""
    from failmap.search.cluster.manifests import KINDS

    where = [
        ("kind", f"the kind of cluster: one of {', '.join(KINDS)} (required)"),
        RUN,
        _STORAGE,
    ]
    sections = [Section("Arguments, besides those of the command run and of the kind:", where)]
    for kind, settings in KINDS.items():
        rows = [(name, meaning(field)) for name, field in settings.model_fields.items()]
        sections.append(Section(f"{kind}: {(settings.__doc__ or '').strip()}", rows))
    kuberay = (
        "kind=kuberay space=lstm_depth run=deep storage=s3://my-bucket/runs "
        "image=registry.example/failmap:1 secret=s3-keys > deep.yaml"
    )
    slurm = "kind=slurm space=lstm_depth run=deep storage=/shared/runs > deep.sh"
    usage = f"kind={'|'.join(KINDS)} run=NAME storage=LOCATION [KEY=VALUE ...]"
    return HelpPage(manifest, usage, [(slurm, "a batch script"), (kuberay, "a RayJob")], sections)
