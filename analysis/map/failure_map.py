"""The failure map: the cells in which learning works, in which it fails, and those that are undecided."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import get_args

from failmap.analysis.diagnosis import Cause
from failmap.analysis.diagnosis.cell import CellDiagnosis, diagnose_cell
from failmap.analysis.load import CellKey, Run
from failmap.analysis.map.audit import Audit, audit_inference
from failmap.analysis.map.continued import Continued, continued, trained_on
from failmap.analysis.map.edge import MapEdge, find_edge
from failmap.analysis.map.futility import Futility, futility_of
from failmap.analysis.map.surface import default_counts, map_surface, nearest_evidence
from failmap.analysis.map.title import MapTitle, map_title
from failmap.analysis.map.updates import updates_to_learn
from failmap.analysis.map.verdicts import judge_map
from failmap.analysis.verdict import STATES, CellVerdict, State
from failmap.run_folder.records import NO_EVIDENCE, Outcome, Purpose, TrialRecord
from failmap.run_folder.wording import (
    axis_display,
    axis_labels,
    cell_display,
    is_scale,
    label_text,
    quantity,
    setting_display,
)

#: Maximum number of cells that are named as the nearest evidence.
_MAX_NEAREST = 2


@dataclass(frozen=True)
class MapCell:
    """One cell of a map.

    Attributes:
        labels: Texts of its labels in the order of the map's paths: x, y, facet.
        verdict: State of the cell.
        recipe: The verdict's best recipe as text; '' if no trial counts.
        numbers: Its trials without interventions.
        interventions: Trials with one change, which are no evidence of the cell.
        continuations: Failed trials that were trained on, beyond the map's updates: no evidence, either.
        diagnosis: Why its trials failed; None if none did, or within fewer updates than they had.
        updates_to_learn: Updates within which half of its best recipe's trials learned; None if fewer did.
        cost_seconds: Estimated seconds of one trial times the number of seeds; None without an estimate.
        nearest: Keys of the nearest cells with evidence, if the surface says what this one is; see
            `nearest_evidence`.
        is_elsewhere: Whether it belongs to another shard.
    """

    labels: CellKey
    verdict: CellVerdict
    recipe: str
    numbers: tuple[int, ...]
    interventions: tuple[int, ...]
    continuations: tuple[int, ...]
    diagnosis: CellDiagnosis | None
    updates_to_learn: int | None
    cost_seconds: float | None
    nearest: tuple[CellKey, ...] = ()
    is_elsewhere: bool = False

    @property
    def shown_cause(self) -> CellDiagnosis | None:
        """Return the diagnosis, or None if the cell learns despite failed trials."""
        return self.diagnosis if self.verdict.state in ("fails", "edge", "unknown") else None


@dataclass(frozen=True)
class FailureMap:
    """Every cell of a run's map, including those without trials.

    Attributes:
        title: Title of the map.
        paths: Paths of x, y and the facet, if there is one.
        labels: Texts of the labels of each axis, in order.
        shown_labels: The same labels as they are displayed.
        axes: Display names of the axes.
        is_upward: Whether y is drawn upwards, as for numbers; names are drawn downwards.
        cells: The cells by the texts of their labels.
        outcomes: Number of trials per outcome, without interventions; unfinished trials count as censored.
        edge: Where P(learn) crosses one half in each row; None without an axis of numbers or an ended trial.
        audit: What came of inferred cells that were run to test that; None if none was.
        futility: What stopping hopeless trials saved, and got wrong; None if none was hopeless.
        continued: What became of trials that were trained on; None if none was.
    """

    title: MapTitle
    paths: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    shown_labels: tuple[tuple[str, ...], ...]
    axes: tuple[str, ...]
    is_upward: bool
    cells: dict[CellKey, MapCell]
    outcomes: dict[Outcome, int]
    edge: MapEdge | None = None
    audit: Audit | None = None
    futility: Futility | None = None
    continued: Continued | None = None

    @property
    def states(self) -> dict[State, int]:
        """Return the number of cells in each state, without those of other shards."""
        counts = Counter(cell.verdict.state for cell in self.cells.values() if not cell.is_elsewhere)
        return {state: counts[state] for state in STATES}

    @property
    def inferred(self) -> dict[State, int]:
        """Return how many of the cells in each state are inferred, without those of other shards."""
        counts = Counter(
            cell.verdict.state
            for cell in self.cells.values()
            if cell.verdict.basis == "inferred" and not cell.is_elsewhere
        )
        return {state: counts[state] for state in STATES}

    @property
    def num_elsewhere(self) -> int:
        """Return the number of cells of other shards."""
        return sum(cell.is_elsewhere for cell in self.cells.values())

    @property
    def facets(self) -> tuple[tuple[str, ...], ...]:
        """Return the end of the cell keys of each panel: a label of the facet, or nothing."""
        return tuple((label,) for label in self.labels[2]) if len(self.paths) == 3 else ((),)

    @property
    def begun_facets(self) -> tuple[tuple[str, ...], ...]:
        """Return the facets in which a trial was begun."""
        return tuple(
            facet for facet in self.facets if any(cell.numbers for _, row in self.rows(facet) for cell in row)
        )

    def facet_words(self, facet: tuple[str, ...]) -> str:
        """Return a panel's heading: 'hidden size 32', or '' if the map has no facet."""
        return setting_display(self.paths[2], facet[0]) if facet else ""

    def rows(self, facet: tuple[str, ...]) -> Iterator[tuple[str, list[MapCell]]]:
        """Return a panel's rows from the top down: the displayed label of y, and the cells from left to
        right."""
        xs, ys = self.labels[:2]
        rows = [
            (shown, [self.cells[(x, y, *facet)] for x in xs])
            for y, shown in zip(ys, self.shown_labels[1], strict=True)
        ]
        return reversed(rows) if self.is_upward else iter(rows)


def build_map(run: Run) -> FailureMap:
    """Return the map of a run with a verdict for every cell."""
    config = run.config
    trials: dict[CellKey, list[TrialRecord]] = defaultdict(list)
    others: dict[tuple[CellKey, Purpose], list[int]] = defaultdict(list)
    recipes: dict[tuple[CellKey, int], str] = {}
    outcomes: dict[Outcome, int] = dict.fromkeys(get_args(Outcome), 0)
    labels = {path: dict.fromkeys(map(label_text, config.map_values[path])) for path in config.map_paths}
    for record in run.records:
        key = run.cell_key(record.cell)
        if record.purpose in NO_EVIDENCE:
            others[key, record.purpose].append(record.number)
            continue
        trials[key].append(record)
        recipes.setdefault((key, record.recipe_index), recipe_display(record.recipe))
        outcomes[record.outcome or "censored"] += 1
        for path, label in zip(config.map_paths, key, strict=True):
            labels[path].setdefault(label)

    ends = {record.number: record for record in trained_on(run.records)}
    # The surface needs numbers where the files have texts of them.
    numbers = [
        {label_text(value): value for value in config.map_values[path] if is_scale([value])}
        for path in config.map_paths
    ]
    values = [
        [known.get(text, text) for text in labels[path]] for path, known in zip(labels, numbers, strict=True)
    ]
    cells = dict(zip(product(*labels.values()), product(*values), strict=True))
    judged = judge_map(
        config.map_paths,
        values,
        {cells[key]: mine for key, mine in trials.items()},
        config.fail_after_recipes,
    )
    surface = map_surface(config.map_paths, values, counts := default_counts(judged))
    audited = [
        (cells[key], record.outcome == "learned")
        for key, mine in trials.items()
        for record in mine
        if record.purpose == "audit" and record.outcome in ("learned", "failed")
    ]
    audit = audit_inference(config.map_paths, values, counts, audited)
    keys = {labels: key for key, labels in cells.items()}

    def cell(key: CellKey) -> MapCell:
        mine, verdict = trials[key], judged[cells[key]]
        is_elsewhere = run.own_cells is not None and key not in run.own_cells and not mine
        if is_elsewhere:
            verdict = replace(verdict, state="not_run", basis="measured", reason="in another shard")
        is_told = surface is not None and (verdict.is_inferred or verdict.state == "edge")
        recipe = "" if verdict.best_recipe is None else recipes[key, verdict.best_recipe]
        cost = run.costs.get(key)
        return MapCell(
            labels=key,
            verdict=verdict,
            recipe=recipe,
            numbers=tuple(record.number for record in mine),
            interventions=tuple(others[key, "intervene"]),
            continuations=tuple(others[key, "continue"]),
            # A cause explains a training of the whole budget.
            diagnosis=None
            if run.updates is not None
            else diagnose_cell([(one, run.explanations[one.number].diagnosis) for one in mine]),
            updates_to_learn=updates_to_learn(
                ends[record.number] for record in mine if record.recipe_index == verdict.best_recipe
            ),
            cost_seconds=None if cost is None else cost * config.seeds,
            nearest=tuple(keys[near] for near in nearest_evidence(surface, cells[key], counts))
            if surface is not None and is_told
            else (),
            is_elsewhere=is_elsewhere,
        )

    return FailureMap(
        title=map_title(run),
        paths=config.map_paths,
        labels=tuple(tuple(labels[path]) for path in config.map_paths),
        shown_labels=tuple(axis_labels(path, labels[path]) for path in config.map_paths),
        axes=tuple(axis_display(path, labels[path]) for path in config.map_paths),
        is_upward=is_scale(config.map_values[config.y]),
        cells={key: cell(key) for key in product(*labels.values())},
        outcomes=outcomes,
        edge=None if surface is None else find_edge(config.map_paths, surface, judged),
        audit=audit if audit.num_trials else None,
        futility=futility_of(record for mine in trials.values() for record in mine),
        continued=continued(run.records),
    )


def recipe_display(recipe: dict[str, object]) -> str:
    """Return a recipe as text: 'learning rate 0.003, adam'."""
    return ", ".join(setting_display(path, value) for path, value in recipe.items()) or "as configured"


def cause_label(cause: Cause) -> str:
    """Return a cause as text: 'vanishing in time'."""
    return "cause unknown" if cause == "unknown" else cause.replace("_", " ")


def cause_counts(failure_map: FailureMap) -> dict[Cause, int]:
    """Return the number of cells that fail, or fail in part, by cause; the most frequent first."""
    shown = (cell.shown_cause for cell in failure_map.cells.values())
    return dict(Counter(diagnosis.cause for diagnosis in shown if diagnosis is not None).most_common())


def why_line(failure_map: FailureMap) -> str:
    """Return 'why: 5 cells vanishing in time, 2 partial solution', or '' if no cell fails."""
    parts = [
        f"{f'{count:,}' if index else quantity(count, 'cell')} {cause_label(cause)}"
        for index, (cause, count) in enumerate(cause_counts(failure_map).items())
    ]
    return f"why: {', '.join(parts)}" if parts else ""


def nearest_words(failure_map: FailureMap, cell: MapCell) -> str:
    """Return 'nearest evidence: sequence length 20, depth 2: 3 of 3', or '' if a cell needs none.

    At most `_MAX_NEAREST` cells are named.
    """
    named = [failure_map.cells[key] for key in cell.nearest[:_MAX_NEAREST]]
    parts = [
        "{}: {} of {}".format(cell_display(failure_map.paths, one.labels), *one.verdict.default_counts)
        for one in named
    ]
    if more := len(cell.nearest) - len(named):
        parts.append(f"{more} more as near")
    return f"nearest evidence: {'; '.join(parts)}" if parts else ""


def counts_line(failure_map: FailureMap) -> str:
    """Return 'cells: 12 learn (8 measured, 4 inferred), 9 fail (9 measured), 5 at the edge, 4 not run'."""
    states, inferred = failure_map.states, failure_map.inferred
    words: dict[State, str] = {
        "learns": "learn",
        "fails": "fail",
        "edge": "at the edge",
        "unknown": "unknown",
        "not_run": "not run",
    }
    parts = []
    for state, word in words.items():
        part = f"{states[state]} {word}"
        if state in ("learns", "fails") and states[state]:
            bases = {"measured": states[state] - inferred[state], "inferred": inferred[state]}
            part += f" ({', '.join(f'{count} {basis}' for basis, count in bases.items() if count)})"
        if states[state]:
            parts.append(part)
    return f"cells: {', '.join(parts)}"


def share_words(diagnosis: CellDiagnosis) -> str:
    """Return 'vanishing in time: 3 of 4 failed trials'."""
    failed = quantity(diagnosis.num_failed, "failed trial")
    return f"{cause_label(diagnosis.cause)}: {diagnosis.num_trials:,} of {failed}"
