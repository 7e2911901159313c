"""The commands that go on from where a run stands, the same in the terminal and in the report."""

import shlex

from failmap.analysis.failure_map import FailureMap
from failmap.analysis.load import Run
from failmap.run_folder.command_lines import command_line, parse_command_line, program
from failmap.run_folder.provenance import parse_provenance
from failmap.run_folder.storage.bounded_files import read_bounded
from failmap.run_folder.wording import is_scale, path_display, setting_display

Step = tuple[str, str]

#: The shipped maps of depth over length, by the network that each is made for; the first is the default.
_DEPTH_SPACES = {"lstm_depth": "lstm", "gru_depth": "gru", "rnn_depth": "rnn"}
_DEPTH_AXES = {"task.sequence_length", "model.depth", "model.hidden_size"}
#: Words that are about a run and not about what it trains.
_RUN_KEYS = (
    *("run", "storage", "shard", "budget", "cluster", "sampler", "pruner", "halving", "keep", "test", "plan"),
    *("journal", "resume"),
)


def next_steps(run: Run, failure_map: FailureMap) -> list[Step]:
    """What to do next, in words, and the command that does it."""
    return [
        *_rescue(run, failure_map),
        *_preflight(run, failure_map),
        *_further(run, failure_map),
        *_merge(run),
        *_elsewhere(run),
    ]


def rescue_command(run: Run) -> str:
    """The command that tries fixes in every cell that fails."""
    return f"{' '.join(program('rescue'))} {_run_words(run)}"


def _rescue(run: Run, failure_map: FailureMap) -> list[Step]:
    """What is wrong where cells fail, tried out: in those where nothing was tried yet."""
    failing = [cell for cell in failure_map.cells.values() if cell.verdict.state == "fails"]
    if all(cell.interventions for cell in failing):
        return []
    return [("What fixes the cells that fail: one change at a time, on the same seeds:", rescue_command(run))]


def _preflight(run: Run, failure_map: FailureMap) -> list[Step]:
    """What may be wrong everywhere, where nothing has learned anywhere."""
    words = _typed_words(run)
    if words is None or failure_map.outcomes["learned"] or not failure_map.outcomes["failed"]:
        return []
    kept = [word for word in words if word.partition("=")[0].partition(".")[0] not in _RUN_KEYS]
    if not any(word.startswith("space=") for word in kept):
        kept.insert(0, f"space={run.config.space}")
    command = command_line("check", *kept)
    return [("Nothing has learned; what can be told before any training:", command)]


def _typed_words(run: Run) -> list[str] | None:
    """The words that the run was begun with; None where nobody wrote them down."""
    try:
        first = parse_provenance(read_bounded(run.folder.provenance)).sessions[0]
        command, words = parse_command_line(first.command)
    except (OSError, ValueError, IndexError):
        return None
    return words if command == "run" else None


def _further(run: Run, failure_map: FailureMap) -> list[Step]:
    """Going on with this run."""
    resume = f"{' '.join(program('resume'))} {_run_words(run)}"
    states, budget = failure_map.states, run.config.budget
    recipes, max_seeds = int(budget.get("recipes") or 1), int(budget.get("max_seeds") or 8)
    facets = budget.get("facets")
    steps = []
    if states["not_run"] or any(record.summary is None for record in run.records):
        steps.append(("More minutes, where the budget ended:", f"{resume} budget.minutes=30"))
    if states["unknown"]:
        more = f"{resume} budget.max_seeds={2 * max_seeds} budget.minutes=30"
        steps.append(("More seeds, for what is unknown:", more))
    most = run.config.num_recipes
    if states["fails"] + states["unknown"] and (most is None or recipes < most):
        names = ", ".join(path_display(path) for path in run.config.recipe_defaults)
        wanted = recipes + 2 if most is None else min(recipes + 2, most)
        more = f"{resume} budget.recipes={wanted} budget.minutes=60"
        steps.append((f"More recipes ({names}), where the default one fails:", more))
    if facets and len(failure_map.facets) > facets:
        path = failure_map.paths[2]
        added = setting_display(path, run.config.map_values[path][facets])
        more = f"{resume} budget.facets={facets + 1} budget.minutes=120"
        steps.append((f"The next map: {added}, too:", more))
    return steps


def _merge(run: Run) -> list[Step]:
    """What makes a whole map of a shard's."""
    if run.config.shard is None:
        return []
    words = _run_words(run).replace(run.folder.name, run.folder.name.rpartition(".")[0], 1)
    purpose = "One map of all shards, once their folders lie in one storage (docs/shards.md):"
    return [(purpose, f"{' '.join(program('merge'))} {words}")]


def _elsewhere(run: Run) -> list[Step]:
    """Runs that a newcomer who has seen a map of depth over length asks for next."""
    config = run.config
    if config.space not in _DEPTH_SPACES or not set(config.map_values) >= _DEPTH_AXES:
        return []
    task, network = config.setting("task.name"), config.setting("model.name")
    space = [f"space={config.space}"] if config.space != next(iter(_DEPTH_SPACES)) else []
    space += [f"model={network}"] if network != _DEPTH_SPACES[config.space] else []
    lengths = config.map_values["task.sequence_length"]
    if not is_scale(lengths):
        return []
    longest = max(lengths)
    wide = [f"task={task}"] if task != "adding" else []
    wide += _task_words(run)
    wide += ["model.hidden_size=512", "model.depth=5", f"task.sequence_length={longest}"]
    begin = " ".join([*program("run"), *space])
    steps = [
        (
            f"512 units, 5 layers, length {longest}, 5 seeds, on a GPU cluster:",
            f"{begin} budget=full {shlex.join(wide)} cluster.address=auto",
        )
    ]
    if task == "adding":
        supervised = "map.facet=task.supervision task.supervision=every_step,last model.hidden_size=32"
        steps.append(
            (
                "The same map of odd or even, a label at every step beside one at the last step only:",
                f"{begin} task=parity {supervised} budget.facets=2 budget.minutes=15",
            )
        )
    return steps


def _task_words(run: Run) -> list[str]:
    """What the user said of the task: without the path of their file no command begins a run on it."""
    config, path = run.config, run.config.setting("task.path")
    typed = [word for word in _typed_words(run) or () if word.startswith("task.")]
    words = [word for word in typed if word.partition("=")[0] not in config.axis_paths]
    is_told = path is None or any(word.startswith("task.path=") for word in words)
    return words if is_told else [f"task.path={path}", *words]


def _run_words(run: Run) -> str:
    """The words that name the run."""
    words = [f"run={run.folder.name}"]
    if str(run.folder.path.parent) != "runs":
        words.append(f"storage={run.folder.path.parent}")
    return shlex.join(words)
