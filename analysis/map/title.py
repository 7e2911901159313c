"""The title of a failure map, with the budget and the criterion that give 'fails' its meaning."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failmap.analysis.load import Run
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
    """The parts of a map's title.

    Attributes:
        question: Question that the space is made to answer, or its name.
        subject: Network and task, and the shard of the map.
        criterion: Criterion of a trial that learned, with the update budget.
        recipes: The default recipe, the number of recipes tried, and how many must fail.
    """

    question: str
    subject: str
    criterion: str
    recipes: str

    @property
    def lines(self) -> tuple[str, str, str]:
        """Return all parts except the question."""
        return self.subject, self.criterion, self.recipes


def map_title(run: Run) -> MapTitle:
    """Return the title of a run from its records or, without any, from its configuration."""
    settings = _Settings(run)
    own = run.config.base.get("own")
    if isinstance(own, Mapping):
        return _own_title(run, own, settings)
    ended = [record for record in run.cell_records if record.summary and record.summary.metric]
    network, task = (
        any_of(list(map(name_display, settings.texts(f"{part}.name"))) or ["unnamed"])
        for part in ("model", "task")
    )
    index, _, count = (run.config.shard or "").partition("/")
    shard = f"; shard {index} of {count}" if run.config.shard else ""
    return MapTitle(
        question=run.config.question or run.config.space,
        subject=f"{network} on the task {task}" + shard,
        criterion=f"learned: {_criterion(ended, settings)}, within {_update_budget(settings, run.updates)}"
        + _every_input(run, ended),
        recipes=_recipes(run, settings),
    )


def _own_title(run: Run, own: Mapping[str, Any], settings: "_Settings") -> MapTitle:
    """Return the title of a run of an own training function."""
    index, _, count = (run.config.shard or "").partition("/")
    shard = f"; shard {index} of {count}" if run.config.shard else ""
    score, chance = own.get("score"), own.get("chance")
    if score is not None:
        target = f"{'raw ' if chance is None else ''}score at least {score:g}"
        if chance is not None and own.get("perfect", 1.0) < chance:
            target = f"score at most {score:g}"
    else:
        target = "better than chance by a tenth of the way to perfection"
    if chance is not None:
        target += f" (chance {chance:g}, perfect {own.get('perfect', 1.0):g})"
    num = own.get("in_a_row", 2)
    often = f"at {number_display(int(num))} report{'s in a row' if num != 1 else ''}"
    budget = own.get("max_updates")
    limit = "before the function returns" if budget is None else f"within {quantity(budget, 'update')}"
    return MapTitle(
        question=run.config.question or run.config.space,
        subject=f"own training function {own.get('function', '')}{shard}",
        criterion=f"learned: {target} {often}, {limit}",
        recipes=_recipes(run, settings),
    )


class _Settings:
    """The settings of a run's trials by dotted path."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._flat = [record.settings for record in run.cell_records]

    def values(self, path: str) -> list[Any]:
        """Return the distinct values that trials have, or will have if none has begun."""
        config = self.run.config
        values = list(config.map_values.get(path, ())) or config.joint_values(path)
        values = values or [flat[path] for flat in self._flat if path in flat]
        if not values:
            default = config.recipe_defaults.get(path, config.setting(path))
            values = [] if default is None else [default]
        return list({label_text(value): value for value in values}.values())

    def texts(self, path: str) -> list[str]:
        """Return the distinct values as text."""
        return [label_text(value) for value in self.values(path)]


def _criterion(ended: Sequence[TrialRecord], settings: _Settings) -> str:
    count = settings.values("criterion.in_a_row") or [2]
    in_a_row = " or ".join(number_display(int(value)) for value in sorted(count))
    plural = "s in a row" if count != [1] else ""
    return f"{_target(ended, settings)} at {in_a_row} evaluation{plural}"


def _target(ended: Sequence[TrialRecord], settings: _Settings) -> str:
    """Return the criterion's threshold as a metric; per task if tasks differ."""
    scores = [text for text in settings.texts("criterion.score") if text != "none"]
    if not ended:
        return f"a score of at least {any_of(scores)}" if scores else "the task's own criterion"
    summaries = defaultdict(list)
    for record in ended:
        if record.summary is not None:
            summaries[record.settings.get("task.name", "")].append(record.summary)
    reason = "an axis" if len(scores) > 1 else "by cell"
    thresholds = {task: _threshold(mine, reason) for task, mine in summaries.items()}
    if len(set(thresholds.values())) == 1:
        return thresholds.popitem()[1] + (f" (a score of {scores[0]})" if len(scores) == 1 else "")
    return ", ".join(f"{threshold} ({name_display(task)})" for task, threshold in thresholds.items())


def _threshold(summaries: Sequence[Summary], reason: str) -> str:
    """Return the threshold of one task."""
    if summaries[0].metric == "mean_squared_error":
        shares = _range(summaries, lambda summary: summary.target_metric / summary.chance_metric, reason)
        return f"mean squared error below {shares} of chance"
    least = _range(summaries, lambda summary: summary.target_metric, reason)
    return f"{name_display(summaries[0].metric)} at least {least}"


def _range(summaries: Sequence[Summary], value: Callable[[Summary], float], reason: str) -> str:
    """Return '5 %', or '5 to 10 % (an axis)' with the reason if trials differ."""
    shares = {f"{100 * value(summary):.3g}" for summary in summaries if summary.chance_metric}
    ordered = sorted((share for share in shares if math.isfinite(float(share))), key=float)
    if not ordered:
        return "the task's share"
    return f"{ordered[0]} %" if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]} % ({reason})"


def _every_input(run: Run, ended: Sequence[TrialRecord]) -> str:
    """Return a note if validation cannot distinguish learning from memorising."""
    cells = {run.cell_key(record.cell) for record in ended}
    enumerated = {
        run.cell_key(record.cell) for record in ended if record.summary and record.summary.has_every_input
    }
    if not enumerated:
        return ""
    where = "" if enumerated == cells else f"in {quantity(len(enumerated), 'cell')} "
    return f"; {where}validation contains every distinct input, including those of training"


def _update_budget(settings: _Settings, fewer: int | None) -> str:
    budgets = sorted(settings.values("train.max_updates")) if fewer is None else [fewer]
    if not budgets:
        return "the default update budget"
    if len(budgets) == 1:
        return quantity(budgets[0], "update")
    return f"{budgets[0]:,} to {budgets[-1]:,} updates (an axis)"


def _recipes(run: Run, settings: _Settings) -> str:
    config = run.config
    paths = dict.fromkeys(("train.optimizer", "train.learning_rate", *config.recipe_defaults))
    first = next((record for record in run.cell_records if record.recipe_index == 0), None)
    if first is not None:
        chosen = {**first.settings, **first.recipe}
    else:
        fixed = config.base.get("settings", {}) if config.is_own else dict(flatten(config.base))
        chosen = {**fixed, **config.recipe_defaults}
    shown = [
        setting_display(path, chosen[path])
        for path in paths
        if chosen.get(path) is not None
        and path not in config.map_paths
        # The recipe lacks a conditional axis whose condition does not hold.
        and (first is None or path in first.recipe or path not in config.recipe_defaults)
    ]
    parts = [f"default recipe: {', '.join(shown) or 'as configured'}"]
    tried = {(run.cell_key(record.cell), record.recipe_index) for record in run.cell_records}
    most = max(Counter(cell for cell, _ in tried).values(), default=0)
    if most > 1:
        parts.append(f"up to {most} recipes tried in a cell")
    if config.fail_after_recipes > 1:
        parts.append(f"a cell fails when {number_display(config.fail_after_recipes)} recipes do")
    elif most <= 1:
        parts.append("no other tried")
    return "; ".join(parts)
