"""Every key that `run --help` lists is accepted, and no number is infinite or none."""

from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from failmap.run_folder.errors import UserError
from failmap.search.commands.table import COMMANDS
from failmap.search.config import RunConfig
from failmap.search.loading import read_request
from failmap.search.loading.cli_args import CONF
from failmap.search.loading.fields import KINDS, PARTS
from failmap.search.loading.request import RUN_GROUPS

KEYS = [key for key in COMMANDS["run"].help_page().keys if "=" not in key and not key.startswith("--")]
#: A valid value of each key that is no field, or whose field's own default would not tell.
VALUES = {
    "space": "smoke", "budget": "full", "cluster": "ray", "run": "a_name", "storage": "somewhere",
    "plan": "true", "resume": "true", "journal": "none", "shard": "1/2", "fail_after_recipes": "2",
    "goal": "grid", "objective": "score",
    "map.x": "train.max_updates", "map.y": "train.evaluate_every", "map.facet": "none",
    "model.widths": "32", "model.start_from": "a_run/3", "task.path": "a.npz",
    "task.test_path": "b.npz", "task.validation_path": "b.npz",
    "task.folder": "digits",
    "task.number_range": "4",
}  # fmt: skip
#: What else must be set for a key to make sense.
COMPANIONS = {
    "halving": ("pruner=halving",), "resume": ("run=a",), "conv_lstm": ("task=moving_mnist",),
    "objective": ("space=best_lstm",),
    "cnn_lstm": ("task=moving_mnist",), "array_file": ("task.path=a.npz",), "shard": ("space=smoke",),
}  # fmt: skip


def field_of(key: str) -> tuple[FieldInfo | None, str]:
    """Return the field of a key, and the first task or network that has it."""
    group, _, name = key.partition(".")
    if group in KINDS and name:
        owner = next(kind for kind, model in KINDS[group].items() if name in model.model_fields)
        return KINDS[group][owner].model_fields[name], owner
    fields: Any = {**PARTS, **RUN_GROUPS}.get(group, RunConfig).model_fields
    parts = name.split(".") if name else [group]
    for part in parts[:-1]:
        fields = fields[part].annotation.model_fields
    return fields.get(parts[-1]), ""


def sample(annotation: Any) -> Any:
    """Return a value of a type that is not None."""
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if annotation in (int, float, bool):
        return {int: 1, float: 0.5, bool: True}[annotation]
    if get_origin(annotation) is Literal:
        return parts[0]
    if get_origin(annotation) is dict:
        return "{fpga: 1}"
    if get_origin(annotation) is Annotated or parts:
        return sample(parts[0])
    return "text"


def arguments_of(key: str) -> list[str]:
    field, owner = field_of(key)
    value = VALUES.get(key)
    if value is None:
        assert field is not None, f"{key} is no field"
        is_plain = isinstance(field.default, int | float | str) and field.default != ""
        value = str(field.default if is_plain else sample(field.annotation))
    group = key.partition(".")[0]
    kind = [f"{group}={owner}"] if owner else []
    others = [argument for name in (group, owner, key) for argument in COMPANIONS.get(name, ())]
    wanted = [*kind, *others, f"{key}={value}", f"space={CONF / 'trial.yaml'}"]
    return list({argument.partition("=")[0]: argument for argument in reversed(wanted)}.values())


@pytest.mark.parametrize("key", sorted({*KEYS} - {"task", "model", "train"}))
def test_every_listed_key_is_accepted(key: str) -> None:
    arguments = arguments_of(key)
    read_request(arguments if key in ("plan", "resume") else [*arguments, "plan=true"])


def numeric(key: str) -> bool:
    field = field_of(key)[0]
    kinds = {field.annotation, *get_args(field.annotation)} if field is not None else set()
    kinds |= {part for kind in kinds for part in get_args(kind)}
    return bool(kinds & {int, float}) and bool not in kinds and str not in kinds


@pytest.mark.parametrize("key", sorted(key for key in {*KEYS} - VALUES.keys() if numeric(key)))
def test_no_number_is_infinite(key: str) -> None:
    others = [argument for argument in arguments_of(key) if not argument.startswith(f"{key}=")]
    for text in ("nan", "-inf", ".nan", "1e999", "1:30"):
        with pytest.raises(UserError) as error:
            read_request([*others, f"{key}={text}"])
        (problem,) = error.value.problems
        assert problem.startswith(f"{key}={text}: ")
