"""How much each axis matters, as the search has stored it with the run."""

from collections import defaultdict
from dataclasses import dataclass, field

from failmap.analysis.load import Run, read_json
from failmap.run_folder.parsing import Checked

#: Names of the methods, and what their shares are shares of.
METHOD_WORDS = {
    "fanova": (
        "fANOVA",
        "of how much the trials differ, the part that each axis explains by itself (Hutter et al. 2014)",
    ),
    "ped_anova": (
        "PED-ANOVA",
        "how far the best tenth of the trials differs from all others along each axis (Watanabe et al. 2023)",
    ),
}


@dataclass(frozen=True)
class AxisImportance(Checked):
    """An entry of importance.json: the share of one axis by one method, and its 95 % interval."""

    method: str
    path: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class _File(Checked):
    importances: list[AxisImportance] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Method:
    """The shares of all axes by one method, the largest first, with its name and what it measures."""

    name: str
    words: str
    shares: tuple[AxisImportance, ...]


@dataclass(frozen=True)
class Importances:
    """The importance of all axes by each method, and the reasons why a method is left out."""

    methods: tuple[Method, ...]
    notes: tuple[str, ...]


def read_importances(run: Run) -> Importances | None:
    """Return what importance.json says, or None if the run has none. Raises UserError if it is corrupt."""
    file = read_json(run.copy.importance, _File, "the importance of axes")
    if file is None:
        return None
    by_method: dict[str, list[AxisImportance]] = defaultdict(list)
    for one in file.importances:
        by_method[one.method].append(one)
    methods = tuple(
        Method(*METHOD_WORDS.get(name, (name, "")), tuple(sorted(shares, key=lambda one: -one.share)))
        for name, shares in by_method.items()
    )
    return Importances(methods, tuple(file.notes))
