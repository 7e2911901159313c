"""The failure map: where learning works, where it fails, and where nobody knows yet."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from failmap.analysis.diagnosis.cell import CellDiagnosis, diagnose_cell
from failmap.analysis.load import CellKey, Run
from failmap.analysis.map_title import MapTitle, map_title
from failmap.analysis.verdict import STATES, CellVerdict, State, judge
from failmap.run_folder.records import OUTCOMES, Outcome, TrialRecord
from failmap.run_folder.wording import axis_display, axis_labels, is_scale, label_text, setting_display


@dataclass(frozen=True)
class MapCell:
    """One cell and what its trials say.

    Attributes:
        labels: the texts of its labels, in the order of the map's paths: x, y, facet.
        verdict: what is known of it.
        recipe: the verdict's best recipe in words, '' where no trial counts.
        numbers: its trials, less the interventions.
        interventions: trials in which one thing was changed about the cell's: no evidence of it.
        diagnosis: why its trials failed; None where none did.
        cost_seconds: estimated seconds to run it: one trial's for every seed; None where nobody estimated.
        is_elsewhere: another shard takes it.
    """

    labels: CellKey
    verdict: CellVerdict
    recipe: str
    numbers: tuple[int, ...]
    interventions: tuple[int, ...]
    diagnosis: CellDiagnosis | None
    cost_seconds: float | None
    is_elsewhere: bool = False

    @property
    def shown_cause(self) -> CellDiagnosis | None:
        """What a map tells of why it fails: nothing where it learns after all."""
        return self.diagnosis if self.verdict.state in ("fails", "unknown") else None


@dataclass(frozen=True)
class FailureMap:
    """Every cell of a run's map, the ones not reached included.

    Attributes:
        title: what the map must say of itself.
        paths: of x, y and the facet, if there is one.
        labels: the texts of each axis' labels, in order.
        shown_labels: the same as readers see them.
        axes: what these are labels of, in words.
        is_upward: whether y is drawn upwards, as numbers are; names stand one below the other.
        cells: by the texts of their labels.
        outcomes: how many trials ended how, less the interventions; unfinished ones count as censored.
    """

    title: MapTitle
    paths: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    shown_labels: tuple[tuple[str, ...], ...]
    axes: tuple[str, ...]
    is_upward: bool
    cells: dict[CellKey, MapCell]
    outcomes: dict[Outcome, int]

    @property
    def states(self) -> dict[State, int]:
        """How many cells are in each state, less those of other shards."""
        counts = Counter(cell.verdict.state for cell in self.cells.values() if not cell.is_elsewhere)
        return {state: counts[state] for state in STATES}

    @property
    def num_elsewhere(self) -> int:
        """How many cells other shards take."""
        return sum(cell.is_elsewhere for cell in self.cells.values())

    @property
    def facets(self) -> tuple[tuple[str, ...], ...]:
        """What ends the keys of each panel's cells: a label of the facet, or nothing."""
        return tuple((label,) for label in self.labels[2]) if len(self.paths) == 3 else ((),)

    @property
    def begun_facets(self) -> tuple[tuple[str, ...], ...]:
        """The facets in which some trial was begun."""
        return tuple(
            facet for facet in self.facets if any(cell.numbers for _, row in self.rows(facet) for cell in row)
        )

    def facet_words(self, facet: tuple[str, ...]) -> str:
        """A panel's heading: 'hidden size 32', '' where the map has no facet."""
        return setting_display(self.paths[2], facet[0]) if facet else ""

    def rows(self, facet: tuple[str, ...]) -> Iterator[tuple[str, list[MapCell]]]:
        """A panel's rows from the top down: the shown label of y, and its cells from left to right."""
        xs, ys = self.labels[:2]
        rows = [
            (shown, [self.cells[(x, y, *facet)] for x in xs])
            for y, shown in zip(ys, self.shown_labels[1], strict=True)
        ]
        return reversed(rows) if self.is_upward else iter(rows)


def build_map(run: Run) -> FailureMap:
    """Judges every cell of a run."""
    config = run.config
    trials: dict[CellKey, list[TrialRecord]] = defaultdict(list)
    interventions: dict[CellKey, list[int]] = defaultdict(list)
    recipes: dict[tuple[CellKey, int], str] = {}
    outcomes: dict[Outcome, int] = dict.fromkeys(OUTCOMES, 0)
    labels = {path: dict.fromkeys(map(label_text, config.map_values[path])) for path in config.map_paths}
    for record in run.records:
        key = run.cell_key(record.cell)
        if record.purpose == "intervene":
            interventions[key].append(record.number)
            continue
        trials[key].append(record)
        recipes.setdefault((key, record.recipe_index), recipe_display(record.recipe))
        outcomes[record.outcome or "censored"] += 1
        for path, label in zip(config.map_paths, key, strict=True):
            labels[path].setdefault(label)

    def cell(key: CellKey) -> MapCell:
        mine = trials[key]
        verdict = judge(mine, config.fail_after_recipes)
        is_elsewhere = run.own_cells is not None and key not in run.own_cells and not mine
        if is_elsewhere:
            verdict = replace(verdict, reason="in another shard")
        recipe = "" if verdict.best_recipe is None else recipes[key, verdict.best_recipe]
        cost = run.costs.get(key)
        return MapCell(
            labels=key,
            verdict=verdict,
            recipe=recipe,
            numbers=tuple(record.number for record in mine),
            interventions=tuple(interventions[key]),
            diagnosis=diagnose_cell([(one, run.explanations[one.number].diagnosis) for one in mine]),
            cost_seconds=None if cost is None else cost * config.seeds,
            is_elsewhere=is_elsewhere,
        )

    keys: list[CellKey] = [()]
    for path in config.map_paths:
        keys = [(*key, label) for key in keys for label in labels[path]]
    return FailureMap(
        title=map_title(run),
        paths=config.map_paths,
        labels=tuple(tuple(labels[path]) for path in config.map_paths),
        shown_labels=tuple(axis_labels(path, labels[path]) for path in config.map_paths),
        axes=tuple(axis_display(path, labels[path]) for path in config.map_paths),
        is_upward=is_scale(config.map_values[config.y]),
        cells={key: cell(key) for key in keys},
        outcomes=outcomes,
    )


def recipe_display(recipe: dict[str, object]) -> str:
    """A recipe's labels in words."""
    return ", ".join(setting_display(path, value) for path, value in recipe.items()) or "as configured"
