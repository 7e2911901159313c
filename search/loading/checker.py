"""Checks what a draft says of values, axes and conditions, and collects every mistake."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from failmap.analysis.errors import nearest
from failmap.search.loading.defaults import default_of
from failmap.search.loading.draft import AXIS_KEYS, Draft
from failmap.search.loading.fields import FieldError, model_problems, shown
from failmap.search.loading.paths import GROUPS, Chosen
from failmap.search.space import Axis


class Checker:
    """Checks one draft. `problems` grows by a line for each mistake; nothing is raised."""

    def __init__(self, draft: Draft, chosen: Chosen, problems: list[str]) -> None:
        self.draft = draft
        self.chosen = chosen
        self.problems = problems

    def value(self, path: str, value: Any, chosen: Chosen | None = None) -> Any:
        """The value as a trial holds it at the path."""
        try:
            return (chosen or self.chosen).check(path, value)
        except FieldError as error:
            self._tell(path, str(error))
            return value

    def spelling(self, path: str) -> None:
        """Checks that any trial of any task and network has the path."""
        if path in GROUPS:
            return
        try:
            Chosen.anything().check_existence(path)
        except FieldError as error:
            self._tell(path, str(error))

    def axis(self, path: str) -> Axis | None:
        """The axis of a path with every value checked, or None where problems were added."""
        before = len(self.problems)
        description = dict(self.draft.axes[path])
        for key in description:
            if key not in AXIS_KEYS:
                self._tell(path, f"{path}.{key}: unknown key{nearest(key, AXIS_KEYS)}")
        description["when"] = self._conditions(path, description.get("when") or {})
        if len(self.problems) > before:
            return None
        chosen = self.chosen.narrowed(description["when"])
        if "values" in description:
            description["values"] = [self._choice(path, value, chosen) for value in description["values"]]
            if "default" in description:
                description["default"] = self._choice(path, description["default"], chosen)
        else:
            self._check_range(path, description, chosen)
        if len(self.problems) > before:
            return None
        try:
            return Axis(path=path, **description)
        except ValidationError as error:
            for line in model_problems(error):
                self._tell(path, f"{path}: {line}")
            return None

    def _conditions(self, path: str, when: Any) -> dict[str, Any]:
        """The values that each condition names, as a trial holds them."""
        if not isinstance(when, Mapping):
            self._tell(path, f"{path}.when: must be a mapping of paths to values")
            return {}
        held: dict[str, Any] = {}
        for condition, wanted in when.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            try:
                checked = [self.chosen.check(str(condition), value) for value in values]
            except FieldError as error:
                self._tell(path, f"{path}.when: {error}")
                continue
            held[str(condition)] = checked if isinstance(wanted, list) else checked[0]
        return held

    def _choice(self, path: str, value: Any, chosen: Chosen) -> Any:
        """One value of an axis; of a joint choice, every field that it sets."""
        if path not in GROUPS:
            return self.value(path, value, chosen)
        if not isinstance(value, Mapping) or not value:
            self._tell(
                path, f"{path}={shown(value)}: a choice of several fields names them, as {{field: value}}"
            )
            return value
        if isinstance(value.get("name"), str):
            chosen = chosen.narrowed({f"{path}.name": value["name"]})
        return {str(key): self.value(f"{path}.{key}", inner, chosen) for key, inner in value.items()}

    def _check_range(self, path: str, description: dict[str, Any], chosen: Chosen) -> None:
        """Checks both ends and the default of a range, and fills in what follows from the field."""
        ends = {key: description[key] for key in ("low", "high") if description.get(key) is not None}
        if not ends:
            self._tell(path, f"{path}: an axis has either values, or low and high")
            return
        if path in GROUPS:
            self._tell(path, f"{path}: a choice of several fields has values, and no low and high")
            return
        before = len(self.problems)
        held = [self.value(path, end, chosen) for end in ends.values()]
        if len(self.problems) > before:
            return
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in held):
            self._tell(path, f"{path}: is not a number: list its values")
            return
        description["integer"] = all(isinstance(value, int) for value in held)
        if description.get("default") is None:
            description["default"] = default_of(chosen, path)
        else:
            description["default"] = self.value(path, description["default"], chosen)

    def _tell(self, path: str, problem: str) -> None:
        """Adds a problem, once, with the file that it stands in; a word needs no address."""
        origins = self.draft.origins
        source = origins.get(path, origins.get(path.partition(".")[0], ""))
        told = f"{source}: {problem}" if source else problem
        if told not in self.problems:
            self.problems.append(told)
