"""The commands that go on from where a run stands, the same in the terminal and in the report."""

import shlex
from pathlib import Path

from analysis.failure_map import FailureMap
from analysis.load import Run
from analysis.wording import label_text, path_words

Step = tuple[str, str]


def next_steps(run: Run, failure_map: FailureMap) -> list[Step]:
    """What to do next, in words, and the command that does it."""
    return [*_further(run, failure_map), *_elsewhere(run)]


def _further(run: Run, failure_map: FailureMap) -> list[Step]:
    """Going on with this run."""
    resume = f"python -m search.resume {_run_words(run)}"
    states, budget = failure_map.states, run.config.budget
    recipes, max_seeds = int(budget.get("recipes") or 1), int(budget.get("max_seeds") or 8)
    facets = budget.get("facets")
    steps = []
    if states["not_run"] or any(record.summary is None for record in run.records):
        steps.append(("More minutes, where the budget ended:", f"{resume} budget.minutes=30"))
    if states["unknown"]:
        more = f"{resume} budget.max_seeds={2 * max_seeds} budget.minutes=30"
        steps.append(("More seeds, for what is unknown:", more))
    if run.config.recipe_defaults and states["fails"] + states["unknown"]:
        names = ", ".join(path_words(path) for path in run.config.recipe_defaults)
        more = f"{resume} budget.recipes={recipes + 2} budget.minutes=60"
        steps.append((f"More recipes ({names}), where the default one fails:", more))
    if facets and len(failure_map.facets) > facets:
        path = failure_map.paths[2]
        label = label_text(run.config.map_values[path][facets])
        more = f"{resume} budget.facets={facets + 1} budget.minutes=120"
        steps.append((f"Wider: {path_words(path)} {label}, too:", more))
    return steps


def _elsewhere(run: Run) -> list[Step]:
    """Runs that a newcomer who has seen the default map asks for next."""
    lengths = run.config.map_values.get("task.sequence_length")
    if run.config.space != "lstm_depth" or not lengths:
        return []
    longest = label_text(lengths[-1])
    wide = f"model.hidden_size=512 model.depth=5 task.sequence_length={longest}"
    supervised = "map.facet=task.supervision task.supervision=every_step,last model.hidden_size=32"
    return [
        (
            f"512 units, 5 layers, length {longest}, 5 seeds, on a GPU cluster:",
            f"python -m search.run budget=full {wide} cluster.address=auto",
        ),
        (
            "The same map of odd or even, a label at every step beside one at the last step only:",
            f"python -m search.run task=parity {supervised} budget.facets=2 budget.minutes=15",
        ),
    ]


def _run_words(run: Run) -> str:
    """The words that name the run."""
    words = [f"run={run.folder.name}"]
    if run.folder.path.parent != Path("runs"):
        words.append(f"storage={run.folder.path.parent}")
    return shlex.join(words)
