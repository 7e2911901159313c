"""Prints what starts a cluster and a run on it: python -m search.manifest kind=slurm space=... run=... ..."""

from collections.abc import Sequence
from typing import Any

from failmap.run_folder.errors import UserError, nearest
from failmap.search.loading.cli_args import Argument, parse_arguments
from failmap.search.loading.validation import check_fields
from failmap.search.remote import job_arguments, read_remote_request


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import manifest_help

        print(manifest_help(), end="")
        return 0
    from failmap.search.cluster.manifests import KINDS, Settings, render

    problems: list[str] = []
    read = parse_arguments(words, problems)
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
        problems.append(f"{read['cluster.address']}: the manifest says where the cluster is: leave it out")
    request = read_remote_request(words, read, own_keys, problems)
    print(render(kind.text, model(**values), request.config, job_arguments(words, own_keys)), end="")
    return 0
