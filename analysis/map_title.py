"""What stands above a failure map: without budget and criterion 'fails' would mean nothing."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from failmap.analysis.load import CellKey, Run
from failmap.run_folder.parsing import flatten
from failmap.run_folder.records import Summary, TrialRecord
from failmap.run_folder.wording import (
    any_of,
    label_text,
    name_display,
    number_display,
    quantity,
    setting_display,
)


@dataclass(frozen=True)
class MapTitle:
    """The parts of a map's title, each in words.

    Attributes:
        question: what the space was made to answer, or its name.
        subject: network and task, and which shard of the map it is.
        criterion: when a trial has learned, with the update budget.
        recipes: the default recipe, and how many were tried and must fail.
    """

    question: str
    subject: str
    criterion: str
    recipes: str

    @property
    def lines(self) -> tuple[str, str, str]:
        """All but the question."""
        return self.subject, self.criterion, self.recipes


def map_title(run: Run) -> MapTitle:
    """Puts a run's title together from its records, and where it has none from its configuration."""
    settings = _Settings(run)
    ended = [record for record in run.cell_records if record.summary and record.summary.metric]
    network, task = (name_words_of(settings.texts(f"{part}.name")) for part in ("model", "task"))
    return MapTitle(
        question=run.config.question or run.config.space,
        subject=f"{network} on the task {task}" + (f"; {run.config.shard_words}" if run.config.shard else ""),
        criterion=f"learned: {_criterion(ended, settings)}, within {_update_budget(settings)}"
        + _every_input(run, ended),
        recipes=_recipes(run, settings),
    )


def name_words_of(names: Iterable[str]) -> str:
    """Several names in words."""
    return any_of([name_display(name) for name in names] or ["unnamed"])


class _Settings:
    """What the trials of a run are set to, by dotted path."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._flat = [dict(flatten(record.config)) for record in run.cell_records]

    def values(self, path: str) -> list[Any]:
        """Every value that trials have, or will have where none has begun; without duplicates."""
        config = self.run.config
        values = list(config.map_values.get(path, ())) or config.joint_values(path)
        values = values or [flat[path] for flat in self._flat if path in flat]
        if not values:
            default = config.recipe_defaults.get(path, config.setting(path))
            values = [] if default is None else [default]
        return list({label_text(value): value for value in values}.values())

    def texts(self, path: str) -> list[str]:
        """The same as texts."""
        return [label_text(value) for value in self.values(path)]


def _criterion(ended: Sequence[TrialRecord], settings: _Settings) -> str:
    count = settings.values("criterion.in_a_row") or [2]
    in_a_row = " or ".join(number_display(int(value)) for value in sorted(count))
    plural = "s in a row" if count != [1] else ""
    return f"{_target(ended, settings)} at {in_a_row} evaluation{plural}"


def _target(ended: Sequence[TrialRecord], settings: _Settings) -> str:
    """The criterion's threshold in the words of the metric; of each task, where tasks have their own."""
    scores = [text for text in settings.texts("criterion.score") if text != "none"]
    if not ended:
        return f"a score of at least {any_of(scores)}" if scores else "the task's own criterion"
    summaries = defaultdict(list)
    for record in ended:
        if record.summary is not None:
            summaries[dict(flatten(record.config)).get("task.name", "")].append(record.summary)
    reason = "an axis" if len(scores) > 1 else "by cell"
    told = {task: _threshold(mine, reason) for task, mine in summaries.items()}
    if len(set(told.values())) == 1:
        return told.popitem()[1] + (f" (a score of {scores[0]})" if len(scores) == 1 else "")
    return ", ".join(f"{threshold} ({name_display(task)})" for task, threshold in told.items())


def _threshold(summaries: Sequence[Summary], reason: str) -> str:
    """One task's threshold."""
    if summaries[0].metric == "mean_squared_error":
        shares = _range(summaries, lambda summary: summary.target_metric / summary.chance_metric, reason)
        return f"mean squared error below {shares} of chance"
    least = _range(summaries, lambda summary: summary.target_metric, reason)
    return f"{name_display(summaries[0].metric)} at least {least}"


def _range(summaries: Sequence[Summary], value: Callable[[Summary], float], reason: str) -> str:
    """'5 %', or '5 to 10 %' where trials differ, and why they do."""
    shares = {f"{100 * value(summary):.3g}" for summary in summaries if summary.chance_metric}
    ordered = sorted((share for share in shares if math.isfinite(float(share))), key=float)
    if not ordered:
        return "the task's share"
    return f"{ordered[0]} %" if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]} % ({reason})"


def _every_input(run: Run, ended: Sequence[TrialRecord]) -> str:
    """Where learned cannot mean more than that all there is was learned by heart."""
    cells = {run.cell_key(record.cell) for record in ended}
    enumerated = {
        run.cell_key(record.cell) for record in ended if record.summary and record.summary.has_every_input
    }
    if not enumerated:
        return ""
    where = "" if enumerated == cells else f"in {quantity(len(enumerated), 'cell')} "
    return f"; {where}validation holds every distinct input there is, those of training too"


def _update_budget(settings: _Settings) -> str:
    budgets = sorted(settings.values("train.max_updates"))
    if not budgets:
        return "the default update budget"
    if len(budgets) == 1:
        return quantity(budgets[0], "update")
    return f"{budgets[0]:,} to {budgets[-1]:,} updates (an axis)"


def _recipes(run: Run, settings: _Settings) -> str:
    config = run.config
    paths = dict.fromkeys(("train.optimizer", "train.learning_rate", *config.recipe_defaults))
    first = next((record for record in run.cell_records if record.recipe_index == 0), None)
    chosen = _default_settings(first, settings)
    words = [
        setting_display(path, chosen[path])
        for path in paths
        if chosen.get(path) is not None
        and path not in config.map_paths
        # An axis that is there under a condition only is none of this recipe where it does not hold.
        and (first is None or path in first.recipe or path not in config.recipe_defaults)
    ]
    told = [f"default recipe: {', '.join(words) or 'as configured'}"]
    most = _most_recipes(run)
    if most > 1:
        told.append(f"up to {most} recipes tried in a cell")
    if config.fail_after_recipes > 1:
        told.append(f"a cell fails when {number_display(config.fail_after_recipes)} recipes do")
    elif most <= 1:
        told.append("no other tried")
    return "; ".join(told)


def _default_settings(first: TrialRecord | None, settings: _Settings) -> dict[str, Any]:
    """What the default recipe sets: as its first trial has it, or as base and axes have it."""
    if first is not None:
        return {**dict(flatten(first.config)), **first.recipe}
    config = settings.run.config
    return {**dict(flatten(config.base)), **config.recipe_defaults}


def _most_recipes(run: Run) -> int:
    """The largest number of recipes that any cell was tried with."""
    seen: dict[CellKey, set[int]] = defaultdict(set)
    for record in run.cell_records:
        seen[run.cell_key(record.cell)].add(record.recipe_index)
    return max(map(len, seen.values()), default=0)
