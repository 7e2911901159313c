"""The command that prints the files that start a cluster and a run on it."""

from collections.abc import Sequence
from typing import Any

from failmap.run_folder.errors import UserError, nearest
from failmap.search.commands.help import HelpPage, Section, field_row
from failmap.search.loading.cli_args import Argument, parse_arguments
from failmap.search.loading.validation import check_fields
from failmap.search.remote import job_arguments, read_remote_request


def help_page() -> HelpPage:
    """Return the command's help."""
    from failmap.search.cluster.manifests import KINDS

    where = [
        ("kind", f"the kind of cluster: one of {', '.join(KINDS)} (required)"),
        ("run", "name of the run (required)"),
        ("storage", "storage that every node sees: s3://BUCKET/FOLDER or /FOLDER (required)"),
    ]
    return HelpPage(
        f"kind={'|'.join(KINDS)} run=NAME storage=LOCATION [KEY=VALUE ...]",
        "Print the files that start a cluster and a run on it (docs/clusters). Start nothing.",
        [
            ("kind=slurm space=lstm_depth run=deep storage=/shared/runs > deep.sh", "a batch script"),
            (
                "kind=kuberay space=lstm_depth run=deep storage=s3://my-bucket/runs "
                "image=registry.example/failmap:1 secret=s3-keys > deep.yaml",
                "a RayJob",
            ),
        ],
        [
            Section("Arguments, besides those of the command run and of the kind:", where),
            *(
                Section(
                    f"{kind}: {(settings.__doc__ or '').strip()}",
                    [field_row(name, field) for name, field in settings.model_fields.items()],
                )
                for kind, settings in KINDS.items()
            ),
        ],
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    from failmap.search.cluster.manifests import KINDS, Settings, render

    problems: list[str] = []
    read = parse_arguments(arguments, problems)
    kind = read.get("kind", Argument("kind", "", ""))
    if kind.text not in KINDS:
        raise UserError(f"kind={kind.text}: which cluster?{nearest(kind.text, KINDS)}")
    model: type[Settings] = KINDS[kind.text]
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
    print(render(kind.text, model(**values), request.config, job_arguments(arguments, own_keys)), end="")
    return 0
