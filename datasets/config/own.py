"""Settings of the user's own task. No torch here."""

import ast
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, model_validator

from failmap.datasets.config.base import TargetKind, TargetLayout, TaskConfig
from failmap.run_folder.errors import UserError
from failmap.run_folder.own_arguments import Arguments, OwnArguments
from failmap.run_folder.own_code import locate_own, source_of
from failmap.run_folder.own_import import load_own

OwnKind = Literal["category", "binary", "number"]
Supervision = Literal["last", "every_step"]
KINDS: tuple[OwnKind, ...] = ("category", "binary", "number")
SUPERVISIONS: tuple[Supervision, ...] = ("last", "every_step")
#: Steps and features with which costs are estimated before the task is built.
_NOMINAL_NUM_STEPS, _NOMINAL_NUM_FEATURES = 100, 8


class OwnTaskConfig(TaskConfig):
    """An own task, called as `Task(**args)` (docs/own_models.md)."""

    can_ask_at_last_step: ClassVar[bool] = False
    # The task's own arguments say how long sequences are.
    sequence_length: ClassVar[int] = 0  # type: ignore[misc]

    name: str = Field(pattern=r"^[^:]+\.py:[A-Za-z_]\w*$", description="the class, as FILE.py:NAME")
    args: OwnArguments = Field(default=Arguments(), description="what the class is called with, by any name")
    target: OwnKind | None = Field(
        default=None, description="kind of the targets; none: what the class states as `kind`"
    )
    supervision: Supervision | None = Field(
        default=None,
        description="one target for a sequence, or one at every step; none: what the class states as "
        "`supervision`, else last",
    )

    _num_steps: int = PrivateAttr(default=_NOMINAL_NUM_STEPS)
    _num_features: int = PrivateAttr(default=_NOMINAL_NUM_FEATURES)

    def with_sizes(self, num_steps: int, num_features: int) -> "OwnTaskConfig":
        """Return the same settings with the sizes of the built task, for estimates of its cost."""
        sized = self.model_copy()
        sized._num_steps, sized._num_features = num_steps, num_features
        return sized

    @property
    def num_features(self) -> int:
        """Features of one time step; nominal until the task is built."""
        return self._num_features

    @property
    def num_steps(self) -> int:
        """Time steps of the longest input; nominal until the task is built."""
        return self._num_steps

    @property
    def num_train(self) -> None:
        """None: only the built task knows how many sequences a finite training set has."""
        return

    @property
    def target_kind(self) -> TargetKind:
        """What the class states."""
        assert self.target is not None, "filled in by the validator"
        return self.target

    @property
    def target_layout(self) -> TargetLayout:
        """One per sequence, or one at every step."""
        return "step" if self.supervision == "every_step" else "sequence"

    @model_validator(mode="before")
    @classmethod
    def _fill_in_what_the_class_states(cls, values: Any) -> Any:
        """Fill in kind and supervision, so that a stored configuration is complete without the file."""
        if not isinstance(values, dict) or not isinstance(values.get("name"), str):
            return values
        if values.get("target") is not None and values.get("supervision") is not None:
            return values
        try:
            stated = stated_by(values["name"])
        except UserError as error:
            raise ValueError("\n".join(f"task={problem}" for problem in error.problems)) from None
        return {**values, **{key: value for key, value in stated.items() if values.get(key) is None}}


@lru_cache(maxsize=64)
def stated_by(reference: str) -> dict[str, str]:
    """Return `target` and `supervision` of an own task's class.

    Read from the source where the class states them as plain texts, so that torch, which the file is
    likely to import, need not be waited for; else from the class itself.

    Raises:
        UserError: There is no such class, or it states no kind.
    """
    located = locate_own(reference)
    stated = _literals(ast.parse(source_of(str(located.path))), located.name)
    if "kind" not in stated:
        found = load_own(reference)
        stated = {name: getattr(found, name) for name in ("kind", "supervision") if hasattr(found, name)}
    kind, supervision = stated.get("kind"), stated.get("supervision", "last")
    problems = []
    if kind not in KINDS:
        was = "has no `kind`" if kind is None else f"has kind={kind!r}"
        problems.append(f"{reference}: the class {was}: it must be one of {', '.join(KINDS)}")
    if supervision not in SUPERVISIONS:
        known = " or ".join(SUPERVISIONS)
        problems.append(f"{reference}: the class has supervision={supervision!r}: it must be {known}")
    if problems:
        raise UserError(*problems)
    return {"target": str(kind), "supervision": str(supervision)}


def _literals(tree: ast.Module, name: str) -> dict[str, Any]:
    """Return the texts that a class of a module assigns in its body, by name."""
    found: dict[str, Any] = {}
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    for node in (statement for own in classes for statement in own.body):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            found |= {target.id: node.value.value for target in targets if isinstance(target, ast.Name)}
    return found
