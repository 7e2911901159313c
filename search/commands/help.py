"""Help texts, made from the configuration models, so that they cannot be wrong about keys and defaults."""

import textwrap
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from failmap.search.config import RunConfig
from failmap.search.interventions.request import AblationArguments, RescueArguments
from failmap.search.loading.cli_args import Group, question_of, read_group, shipped
from failmap.search.loading.fields import KINDS, PARTS
from failmap.search.loading.request import (
    DEFAULT_SPACE,
    DEFAULT_SPACE_OF_A_FILE,
    RUN_GROUPS,
    RUN_KEYS,
    default_budget,
)
from failmap.search.loading.validation import shown
from failmap.search.space import Space

WIDTH = 100
_INDENT = 30


def run_help() -> str:
    """The help of `python -m search.run`."""
    return "\n".join(
        [
            "python -m search.run key=value ...",
            "",
            "Searches where recurrent networks stop learning, and draws a failure map of it.",
            "",
            "Examples:",
            f"  python -m search.run                              the default: space={DEFAULT_SPACE}",
            f"  python -m search.run task=array_file task.path=my.npz   "
            f"your own data; the default: space={DEFAULT_SPACE_OF_A_FILE}",
            "  python -m search.run plan=true                    shows what would be done and its cost",
            "  python -m search.run task=parity task.supervision=last budget.minutes=10",
            "  python -m search.run model.depth=1,2,5 train.learning_rate=3e-3,1e-3 seed=1",
            "  python -m search.run train.learning_rate.low=1e-4 train.learning_rate.high=1e-1 "
            "train.learning_rate.log=true",
            "  python -m search.run space=my_space.yaml budget=hour run=first_try",
            "",
            "A key with one value sets it. With several it is an axis, the first value its default.",
            "A key that is an axis of the space already takes the axis' place.",
            "",
            *_run_keys(),
            *_trial_keys(),
        ]
    )


def resume_help() -> str:
    """The help of `python -m search.resume`."""
    return "\n".join(
        [
            "python -m search.resume run=NAME key=value ...",
            "",
            "Goes on with a run: finished trials stay, interrupted ones go on from their checkpoints.",
            "",
            "Examples:",
            "  python -m search.resume run=lstm_depth",
            "  python -m search.resume run=lstm_depth budget.minutes=30 budget.facets=none",
            "  python -m search.resume run=lstm_depth train.learning_rate=3e-3,1e-3,1e-2,3e-2",
            "",
            "What a run can be resumed with, beside more values on an axis; anything else is another run:",
            *_lines("storage", RunConfig.model_fields["storage"]),
            *_lines("keep", RunConfig.model_fields["keep"]),
            *_wrapped("journal", "the run's database again, with its password, which is stored nowhere"),
            "",
            *_groups_of_files("budget"),
            *_groups_of_files("cluster"),
        ]
    )


def status_help() -> str:
    """The help of `python -m search.status`."""
    return "\n".join(
        [
            "python -m search.status [run=NAME] [storage=FOLDER] [--json]",
            "",
            "Shows how far runs are, from anywhere that sees their storage. Changes nothing.",
            "",
            "Examples:",
            "  python -m search.status                           all runs, a line each",
            "  python -m search.status run=lstm_depth            one run: its map, outcomes and faults",
            "  python -m search.status storage=s3://my-bucket/runs --json",
            "",
            *_lines("storage", RunConfig.model_fields["storage"]),
            *_wrapped("--json", "a list of objects, one a run"),
            "",
            "States: running on HOST; died: its driver is gone, and could not end it; stopped: by Ctrl-C,",
            "SIGTERM or search.stop; all decided: every cell that the budget reaches learns or fails;",
            "budget spent: its time is over, or nothing is left to try. What does not run can be gone on",
            "with: python -m search.resume run=NAME.",
            "",
        ]
    )


def stop_help() -> str:
    """The help of `python -m search.stop`."""
    return "\n".join(
        [
            "python -m search.stop run=NAME [storage=FOLDER] [wait=false]",
            "",
            "Asks the driver of a run to save what is under way and to end, from anywhere that sees the",
            "storage. A job of a cluster that is ended so counts as done, and is not started again.",
            "",
            *_lines("storage", RunConfig.model_fields["storage"]),
            *_wrapped("wait", "wait until the driver has ended (true or false; default true)"),
            "",
        ]
    )


def submit_help() -> str:
    """The help of `python -m search.submit`."""
    return "\n".join(
        [
            "python -m search.submit run=NAME storage=PLACE cluster.address=http://HOST:8265 key=value ...",
            "",
            "Runs a search on a Ray cluster from afar, as a job (docs/clusters/submit.md). The code travels",
            "along. Typed again while the job goes on, it follows it; typed after its end, it goes on with",
            "the run. Ctrl-C ends the following, not the run.",
            "",
            "Examples:",
            "  python -m search.submit space=lstm_depth run=deep storage=s3://my-bucket/runs \\",
            "      cluster.address=http://127.0.0.1:8265 budget=hour",
            "  python -m search.submit ... follow=false          begin it, and come back at once",
            "",
            "Words are those of search.run (python -m search.run --help lists them), and:",
            *_wrapped("run", "needed: the name by which the job is found again"),
            *_wrapped("storage", "needed: a place that every node sees, s3://BUCKET/FOLDER or /FOLDER"),
            *_wrapped("cluster.address", "needed: the dashboard of the cluster's head node"),
            *_wrapped("follow", "show the job's log until it ends (true or false; default true)"),
            "",
            "Exit status: the job's; 0 with follow=false; 130 after Ctrl-C; 2 for a mistake in the words.",
            "",
        ]
    )


def manifest_help() -> str:
    """The help of `python -m search.manifest`."""
    from failmap.search.cluster.manifests import KINDS

    lines = [
        f"python -m search.manifest kind={'|'.join(KINDS)} run=NAME storage=PLACE key=value ...",
        "",
        "Prints what starts a cluster and a run on it (docs/clusters). Words are those of search.run",
        "(python -m search.run --help lists them), and those of the kind. Nothing is started.",
        "",
        "Examples:",
        "  python -m search.manifest kind=slurm space=lstm_depth run=deep storage=/shared/runs > deep.sh",
        "  python -m search.manifest kind=kuberay space=lstm_depth run=deep storage=s3://my-bucket/runs \\",
        "      image=registry.example/failmap:1 secret=s3-keys > deep.yaml",
        "",
    ]
    for kind, settings in KINDS.items():
        lines += [f"{kind}: {(settings.__doc__ or '').strip()}"]
        for name, field in settings.model_fields.items():
            lines += _lines(name, field)
        lines += [""]
    return "\n".join(lines)


def rescue_help() -> str:
    """The help of `python -m search.rescue`."""
    return "\n".join(
        [
            "python -m search.rescue run=NAME [cell=LABELS] key=value ...",
            "",
            "Tries what might help where a run fails: for each cell that fails the fixes against its cause,",
            "one change at a time on the same seeds, and one fix against another cause. The trials are the",
            "run's own, and no evidence of its map. Typed again it goes on.",
            "",
            "Examples:",
            "  python -m search.rescue run=lstm_depth plan=true  what would be tried, and its cost",
            "  python -m search.rescue run=lstm_depth budget.minutes=30",
            '  python -m search.rescue run=lstm_depth cell="model.depth=5,task.sequence_length=100"',
            "  python -m search.rescue run=lstm_depth cell=model.depth=5 seeds=8",
            "",
            *_words_of_a_session(RescueArguments),
        ]
    )


def ablate_help() -> str:
    """The help of `python -m search.ablate`."""
    return "\n".join(
        [
            "python -m search.ablate run=NAME trial=N key=value ...",
            "",
            "Shows what a recipe that learned had needed: takes away one thing at a time, on the same seeds.",
            "The trials are the run's own, and no evidence of its map. Typed again it goes on.",
            "",
            "Examples:",
            "  python -m search.ablate run=lstm_depth trial=12 plan=true",
            "  python -m search.ablate run=lstm_depth trial=12 budget.minutes=10",
            "",
            *_words_of_a_session(AblationArguments),
        ]
    )


def _words_of_a_session(own: type[BaseModel]) -> Iterator[str]:
    """What a session of interventions takes."""
    yield "What is tried:"
    for name, field in own.model_fields.items():
        yield from _lines(name, field)
    yield ""
    yield "Where and how long (what the run itself is limited to stays as it is):"
    yield from _lines("storage", RunConfig.model_fields["storage"])
    yield from _lines("keep", RunConfig.model_fields["keep"])
    minutes = "wall-clock minutes of this session; none: no limit (number or none; default the run's)"
    yield from _wrapped("budget.minutes", minutes)
    trials = "trials that this session may begin; none: no limit (whole number or none; default none)"
    yield from _wrapped("budget.trials", trials)
    yield ""
    yield from _groups_of_files("cluster")


def check_help() -> str:
    """The help of `python -m search.check`."""
    return "\n".join(
        [
            "python -m search.check key=value ... [--json]",
            "",
            "Looks at trials before they are trained, in less than a minute: shapes, loss, gradients, leaks,",
            "the floor of the output, how far the signal reaches, one batch learned by heart, baselines,",
            "duplicates. Each finding: pass, warn or fail, a number, and what to try (docs/preflight.md).",
            "",
            "Examples:",
            f"  python -m search.check                            the default: space={DEFAULT_SPACE}",
            "  python -m search.check space=supervision          the smallest and largest trials of a space",
            "  python -m search.check task=parity model=lstm model.depth=5",
            "                                                    exactly this trial",
            "  python -m search.check task=adding train.optimizer=sgd range_test=true",
            "",
            "Words are those of search.run (python -m search.run --help lists them). Where words set a trial",
            "and no space= is given, exactly that trial is checked; of several values the first counts.",
            "",
            *_wrapped(
                "range_test", "try growing learning rates on the first trial (true or false; default false)"
            ),
            *_wrapped(
                "picture", "where that test's picture goes (text; default range_test.png, in this folder)"
            ),
            *_wrapped("--json", "print the findings as JSON, and all else on standard error"),
            "",
            "Exit status: 0 where nothing fails, 1 where a check fails, 2 for a mistake in the words.",
            "",
        ]
    )


def _run_keys() -> Iterator[str]:
    """Keys of the run, its files by name first."""
    yield "Spaces (space=NAME, or a path that ends in .yaml):"
    defaults = {DEFAULT_SPACE: " (default)", DEFAULT_SPACE_OF_A_FILE: " (default for task=array_file)"}
    for name in shipped("space"):
        yield from _wrapped(name, question_of(name) + defaults.get(name, ""))
    yield ""
    yield "The run:"
    for key in RUN_KEYS:
        yield from _lines(key, RunConfig.model_fields[key])
    yield from _lines("journal", RunConfig.model_fields["journal"])
    yield from _wrapped("plan", "only show what would be done (true or false; default false)")
    yield from _wrapped(
        "resume", "go on with the run where it exists: a job may start the same words again and again"
    )
    yield from _wrapped(
        "map.x, map.y, map.facet", "which axes the map has (dotted paths); map.facet=none for no facet"
    )
    yield from _lines("fail_after_recipes", Space.model_fields["fail_after_recipes"])
    yield ""
    yield from _groups_of_files("budget")
    yield from _groups_of_files("cluster")
    yield "Early stopping by rank (pruner=halving):"
    yield from _model_lines("halving", RUN_GROUPS["halving"])
    yield ""


def _groups_of_files(group: Group) -> Iterator[str]:
    """The files of a group with what they set, then its keys."""
    default = default_budget() if group == "budget" else "local"
    yield f"{group.capitalize()} ({group}=NAME, or a path that ends in .yaml):"
    for name in shipped(group):
        content = ", ".join(f"{key}={shown(value)}" for key, value in read_group(group, name)[1].items())
        yield from _wrapped(name, content + " (default here)" * (name == default))
    yield from _model_lines(group, RUN_GROUPS[group])
    yield ""


def _trial_keys() -> Iterator[str]:
    """Keys of a trial: those that all tasks or networks share once, then each one's own."""
    for group, kinds in KINDS.items():
        yield from textwrap.wrap(f"{group.capitalize()} ({group}=NAME, one of {', '.join(kinds)}):", WIDTH)
        bearers: dict[tuple[str, str], list[str]] = {}
        for kind, model in kinds.items():
            for name, field in model.model_fields.items():
                if name != "name":
                    bearers.setdefault((name, _meaning(field)), []).append(kind)
        for (name, meaning), having in bearers.items():
            note = f" [{', '.join(having)}]" if len(having) < len(kinds) else ""
            yield from _wrapped(f"{group}.{name}", meaning + note)
        yield ""
    for group, part in PARTS.items():
        yield f"{group.capitalize()}:"
        yield from _model_lines(group, part)
        yield ""


def _model_lines(group: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _wrapped(f"{group}.{name}.*", " ".join((field.annotation.__doc__ or "").split()))
            yield from _model_lines(f"{group}.{name}", field.annotation)
        elif name != "name":
            yield from _lines(f"{group}.{name}", field)


def _lines(key: str, field: FieldInfo) -> Iterator[str]:
    yield from _wrapped(key, _meaning(field))


def _wrapped(key: str, text: str) -> Iterator[str]:
    """A key and what it means, in two columns."""
    first = f"  {key}".ljust(_INDENT - 1) + " "
    yield from textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * _INDENT)


def _meaning(field: FieldInfo) -> str:
    """What a field is for, which values it takes, and its default."""
    default = "" if field.default is PydanticUndefined else f"; default {shown(field.default)}"
    return f"{field.description or ''} ({_kind(field.annotation)}{default})".lstrip()


def _kind(annotation: Any) -> str:
    """What values a field takes, in words."""
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        name, value = get_args(annotation)
        return f"{{{_kind(name)}: {_kind(value)}, ...}}"
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_kind(part) for part in get_args(annotation))
    words = {int: "whole number", float: "number", bool: "true or false", str: "text", NoneType: "none"}
    return words[annotation]
