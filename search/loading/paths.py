"""Which dotted paths a trial bears, given the tasks and networks it may have."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from failmap.analysis.errors import nearest
from failmap.datasets.config import TASK_CONFIGS
from failmap.models.config import MODEL_CONFIGS
from failmap.search.loading.fields import FieldError, check_field, shown
from failmap.search.trial.config import CriterionConfig
from failmap.search.trial.output_config import OutputConfig
from failmap.search.trial.train_config import TrainConfig

#: Groups of which a trial has one of several kinds, each with settings of its own, by the kind's name.
KINDS: dict[str, Mapping[str, type[BaseModel]]] = {"task": TASK_CONFIGS, "model": MODEL_CONFIGS}
#: Groups that are the same in every trial.
PARTS: dict[str, type[BaseModel]] = {
    "output": OutputConfig,
    "train": TrainConfig,
    "criterion": CriterionConfig,
}
GROUPS = (*KINDS, *PARTS)


class Chosen:
    """The tasks and networks that the trials of a run may have."""

    def __init__(self, tasks: list[str], models: list[str]) -> None:
        self.names = {"task": tasks, "model": models}

    @classmethod
    def anything(cls) -> "Chosen":
        """Every task and network that there is."""
        return cls(list(TASK_CONFIGS), list(MODEL_CONFIGS))

    def kinds(self, group: str) -> dict[str, type[BaseModel]]:
        """The configurations that a group may have here, by kind; a part has one, without a name."""
        if group in PARTS:
            return {"": PARTS[group]}
        return {name: KINDS[group][name] for name in self.names[group] if name in KINDS[group]}

    def narrowed(self, conditions: Mapping[str, Any]) -> "Chosen":
        """The kinds that are left under conditions such as {'model.name': 'lstm'}."""
        left = {}
        for group, names in self.names.items():
            wanted = conditions.get(f"{group}.name", names)
            wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
            left[group] = [name for name in names if name in wanted]
        return Chosen(left["task"], left["model"])

    def paths(self) -> Iterator[str]:
        """Every dotted path that some trial here bears."""
        for group in GROUPS:
            fields = {field: None for kind in self.kinds(group).values() for field in kind.model_fields}
            yield from (f"{group}.{field}" for field in fields)

    def bears(self, path: str) -> bool:
        """Whether some trial here has the path."""
        return path in set(self.paths())

    def check(self, path: str, value: Any) -> Any:
        """The value as a trial holds it at the path.

        Raises:
            FieldError: no trial has the path, or only some kinds have it, or one does not take the value.
        """
        self.check_path(path)
        group, _, field = path.partition(".")
        if field == "name":
            return self._check_name(group, value)
        held = value
        for name, kind in self.kinds(group).items():
            try:
                held = check_field(kind, field, value)
            except FieldError as error:
                several = len(self.kinds(group)) > 1
                raise FieldError(f"{path}={shown(value)}: {error}{f' for {name}' * several}") from None
        return held

    def is_open(self, path: str) -> bool:
        """Whether nothing can be said of a path, because its task or network is unknown."""
        group = path.partition(".")[0]
        return group in KINDS and not self.kinds(group)

    def check_existence(self, path: str) -> None:
        """Raises FieldError where no trial of any task and network has the path."""
        if not Chosen.anything().bears(path):
            raise FieldError(f"{path}: no trial has this{nearest_path(path, self)}")

    def check_path(self, path: str) -> None:
        """Raises FieldError where no trial here has the path, or only some kinds have it."""
        self.check_existence(path)
        group, _, field = path.partition(".")
        lacking = [name for name, kind in self.kinds(group).items() if field not in kind.model_fields]
        if lacking and not self.bears(path):
            having = [name for name, kind in KINDS[group].items() if field in kind.model_fields]
            raise FieldError(f"{path}: no setting of {', '.join(lacking)}, only of {', '.join(having)}")
        if lacking:
            having = [name for name in self.names[group] if name not in lacking]
            raise FieldError(
                f"{path}: no setting of {', '.join(lacking)}: "
                f"make it an axis that is there when: {{{group}.name: {shown(having)}}}"
            )

    @staticmethod
    def _check_name(group: str, value: Any) -> str:
        if not isinstance(value, str) or value not in KINDS[group]:
            raise FieldError(f"{group}={shown(value)}: no such {group}{nearest(str(value), KINDS[group])}")
        return value


def nearest_path(path: str, chosen: Chosen) -> str:
    """'; did you mean X?': the path with the same last part, or one that is spelled alike."""
    known = list(chosen.paths())
    by_last = {other.rpartition(".")[2]: other for other in reversed(known)}
    last = path.rpartition(".")[2]
    alike = difflib.get_close_matches(path, known, n=1) or difflib.get_close_matches(last, by_last, n=1)
    if last in by_last:
        return f"; did you mean {by_last[last]}?"
    return f"; did you mean {by_last.get(alike[0], alike[0])}?" if alike else "; --help lists all keys"
