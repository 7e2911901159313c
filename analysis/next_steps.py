"""The commands to continue with after a run, for the terminal and the report."""

import json
import math
import re
import shlex
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import FailureMap, MapCell
from failmap.analysis.sequential import DEFAULT_RULE
from failmap.run_folder.command_lines import command_line, parse_command_line, program
from failmap.run_folder.paths import STATE_FILE
from failmap.run_folder.provenance import parse_provenance
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import store_of
from failmap.run_folder.storage.bounded_files import read_bounded
from failmap.run_folder.wording import is_scale, label_text, path_display, quantity, setting_display

#: A purpose and the command for it.
Step = tuple[str, str]
#: Counts the trials that a run with these records would still begin or continue if some limits of its budget,
#: by key, were others. Only the search can count them.
TrialsLeft = Callable[[Sequence[TrialRecord], Mapping[str, int | None]], int]

#: The shipped maps of depth over length and the network of each; the first is the default.
_DEPTH_SPACES = {"lstm_depth": "lstm", "gru_depth": "gru", "rnn_depth": "rnn"}
_DEPTH_AXES = {"task.sequence_length", "model.depth", "model.hidden_size"}
#: Largest number of times the updates that a longer map is proposed with.
MAX_FACTOR = 8
#: Keys that concern the run, not what it trains.
_RUN_KEYS = (
    *("run", "storage", "shard", "budget", "cluster", "sampler", "pruner", "halving", "keep", "test", "plan"),
    *("journal", "resume"),
)


def next_steps(run: Run, failure_map: FailureMap, trials_left: TrialsLeft | None = None) -> list[Step]:
    """Return what to do next, as purposes and commands.

    Args:
        run: The run.
        failure_map: Its map.
        trials_left: Leaves out what would begin no trial; None: that is not known.
    """
    if _is_watched(run):
        return []
    purpose = "Fixes for the cells that fail, one change at a time on the same seeds:"
    rescue = rescue_command(run, failure_map)
    return [
        *([] if rescue is None else [(purpose, rescue)]),
        *(() if run.config.is_own else _longer(run, failure_map)),
        *_preflight(run, failure_map),
        *_beyond(run, failure_map),
        *_further(run, failure_map, trials_left),
        *_merge(run),
        *_elsewhere(run),
    ]


def _is_watched(run: Run) -> bool:
    """Return whether the run is a loop of the user's own, of which nothing can be continued."""
    return any(record.purpose == "watched" for record in run.records)


def rescue_command(run: Run, failure_map: FailureMap) -> str | None:
    """Return the command that tries fixes in every cell that fails, or None.

    None if no cell fails by the default recipe, fixes were tried in each that does, or the training function
    is the user's own.
    """
    if run.config.is_own or _is_watched(run):
        return None  # Fixes are settings of built-in trainings.
    failed = {one.number for one in run.records if one.outcome == "failed" and one.recipe_index == 0}
    failing = [
        cell
        for cell in failure_map.cells.values()
        if cell.verdict.state == "fails" and not failed.isdisjoint(cell.numbers)
    ]
    if all(cell.interventions for cell in failing):
        return None
    return f"{' '.join(program('rescue'))} {_run_arguments(run)}"


def _longer(run: Run, failure_map: FailureMap) -> Iterator[Step]:
    """Yield more updates, if trials of undecided or failing cells were still learning.

    They are trained on where the states at their ends are kept. Else it takes the same map anew.
    """
    arguments = _original_arguments(run)
    cells = [cell for cell in failure_map.cells.values() if cell.shown_cause is not None]
    # What was trained on is no question any more.
    done = {record.continues for record in run.records if record.purpose == "continue"}
    needed = {cell.labels: updates for cell in cells if (updates := _updates_needed(run, cell, done))}
    if not needed:
        return
    updates = max(one.summary.updates for one in run.cell_records if one.summary and one.outcome == "failed")
    # Whole budgets, since the pace is an estimate, and a map wants a round number in its title.
    factor = min(MAX_FACTOR, max(2, math.ceil(max(needed.values()) / updates)))
    reason = f"More updates, since trials of {quantity(len(needed), 'cell')} were still learning at the end;"
    store = store_of(run.folder.path)
    numbers = [number for cell in cells if cell.labels in needed for number in cell.numbers]
    num_kept = sum(store.exists(run.folder.trial(number).final / STATE_FILE) for number in numbers)
    if num_kept:
        command = f"{' '.join(program('resume'))} {_run_arguments(run)}"
        trained = f"{quantity(num_kept, 'failed trial')} of {'it' if len(needed) == 1 else 'them'}"
        yield f"{reason} {trained} can be trained on:", f"{command} train.max_updates={factor * updates}"
        return
    if arguments is None:
        return
    kept = [one for one in arguments if one.partition("=")[0] not in ("run", "plan", "train.max_updates")]
    yield f"{reason} the same map anew:", command_line("run", *kept, f"train.max_updates={factor * updates}")


def _updates_needed(run: Run, cell: MapCell, done: Container[int | None]) -> float:
    """Return the most updates that a failed trial of a cell needs at its pace, or 0 if none was rising.

    Trials whose numbers are in `done` are left out.
    """
    diagnoses = [run.explanations[number].diagnosis for number in cell.numbers if number not in done]
    evidence = [found for one in diagnoses if one is not None for found in one.verdict.evidence]
    return max((found.values.get("updates_needed", 0.0) for found in evidence), default=0.0)


def _preflight(run: Run, failure_map: FailureMap) -> Iterator[Step]:
    """Yield the preflight check if no trial of the run learned."""
    arguments = _original_arguments(run)
    if arguments is None or failure_map.outcomes["learned"] or not failure_map.outcomes["failed"]:
        return
    kept = [one for one in arguments if one.partition("=")[0].partition(".")[0] not in _RUN_KEYS]
    if not any(one.startswith("space=") for one in kept):
        kept.insert(0, f"space={run.config.space}")
    checked = "function by a few of its reports" if run.config.is_own else "configuration without training"
    yield f"Nothing learned; a check of the {checked}:", command_line("check", *kept)


def _beyond(run: Run, failure_map: FailureMap) -> Iterator[Step]:
    """Yield the same run with one more value on the axis of the edge, if that lies outside the map."""
    edge = failure_map.edge
    if edge is None or edge.outside is None or run.config.shard is not None:
        return
    learns = edge.outside == "beyond"
    words = f"It {'learns' if learns else 'fails'} everywhere tried: the edge lies {edge.outside} the map;"
    values = list(run.config.map_values[edge.path])
    first, last = values[0], values[-1]
    step = max(round(edge.axis.unit), 1)
    if not learns:
        added = first // 2 if edge.axis.is_log else first - step
    else:
        added = 2 * last if edge.axis.is_log else last + step
    # What other values a rate or a share may have is not known.
    if not all(isinstance(value, int) for value in values) or added < 1:
        return
    extended = ",".join(map(str, [*values, added] if learns else [added, *values]))
    resume = f"{' '.join(program('resume'))} {_run_arguments(run)}"
    yield f"{words} extend {edge.path}:", f"{resume} {edge.path}={extended}"


def _original_arguments(run: Run) -> list[str] | None:
    """Return the arguments that the run was started with, or None if they were not recorded."""
    try:
        first = parse_provenance(read_bounded(run.folder.provenance)).sessions[0]
        command, arguments = parse_command_line(first.command)
    except (OSError, ValueError, IndexError):
        return None
    return arguments if command == "run" else None


def _further(run: Run, failure_map: FailureMap, trials_left: TrialsLeft | None) -> Iterator[Step]:
    """Yield the ways to continue this run."""
    resume = f"{' '.join(program('resume'))} {_run_arguments(run)}"

    def step(purpose: str, minutes: int, limits: Mapping[str, int | None]) -> Iterator[Step]:
        """Yield a step if it begins trials: those that the limits add, without the run's limit of trials if
        that is in the way.
        """
        for lifted in ({}, {"trials": None}) if budget.get("trials") else ({},):
            all_limits = {**limits, **lifted}
            if trials_left is not None:
                before = trials_left(run.records, lifted) if limits else 0
                if trials_left(run.records, all_limits) <= before:
                    continue
            words = [f"budget.{key}={label_text(value)}" for key, value in all_limits.items()]
            yield purpose, " ".join([resume, *words, f"budget.minutes={minutes}"])
            return

    states, budget = failure_map.states, run.config.budget
    recipes = int(budget.get("recipes") or 1)
    # Fewer than the seeds to begin with are no limit.
    max_seeds = max(int(budget.get("max_seeds") or 10), run.config.seeds)
    facets = budget.get("facets")
    seeds: list[Mapping[str, int | None]] = [
        {"max_seeds": look.num_seeds} for look in DEFAULT_RULE.looks if look.num_seeds > max_seeds
    ]
    is_begun = all(cell.numbers or cell.is_elsewhere for cell in failure_map.cells.values())
    if not is_begun or states["not_run"] or any(record.summary is None for record in run.records):
        yield from step("More minutes, where the budget ended:", 30, {})
    elif trials_left is not None:
        seeds.insert(0, {})  # An earlier version may have ended cells with fewer seeds than decide now.
    # Of those at the edge that were never tried, more seeds are no help.
    if num_open := states["unknown"] + states["edge"] - failure_map.inferred["edge"]:
        steps = (step("More seeds, for unknown cells and those at the edge:", 30, limits) for limits in seeds)
        # The fewest with which some cell may be decided.
        yield from next(filter(None, map(list, steps)), [])
    most = run.config.num_recipes
    if states["fails"] + num_open and (most is None or recipes < most):
        names = ", ".join(path_display(path) for path in run.config.recipe_defaults)
        wanted = recipes + 2 if most is None else min(recipes + 2, most)
        purpose = f"More recipes ({names}), where the default recipe fails:"
        yield from step(purpose, 60, {"recipes": wanted})
    if facets and len(failure_map.facets) > facets:
        path = failure_map.paths[2]
        added = setting_display(path, run.config.map_values[path][facets])
        yield from step(f"The next map: {added}, too:", 120, {"facets": facets + 1})


def _merge(run: Run) -> Iterator[Step]:
    """Yield the command that merges shards, if the run is one."""
    if run.config.shard is not None:
        arguments = _run_arguments(run).replace(run.folder.name, run.folder.name.rpartition(".")[0], 1)
        purpose = "One map of all shards, once their folders are in one storage (docs/shards.md):"
        yield purpose, f"{' '.join(program('merge'))} {arguments}"


def _elsewhere(run: Run) -> Iterator[Step]:
    """Yield larger and related runs, if the map is one of depth over length."""
    config = run.config
    if config.space not in _DEPTH_SPACES or not set(config.map_values) >= _DEPTH_AXES:
        return
    task, network = config.setting("task.name"), config.setting("model.name")
    space = [f"space={config.space}"] if config.space != next(iter(_DEPTH_SPACES)) else []
    space += [f"model={network}"] if network != _DEPTH_SPACES[config.space] else []
    lengths = config.map_values["task.sequence_length"]
    if not is_scale(lengths):
        return
    longest = max(lengths)
    wide = [f"task={task}"] if task != "adding" else []
    wide += _task_arguments(run)
    wide += ["model.hidden_size=512", "model.depth=5", f"task.sequence_length={longest}"]
    begin = " ".join([*program("run"), *space])
    purpose = f"512 units, 5 layers, length {longest}, 6 seeds, on a GPU cluster:"
    yield purpose, f"{begin} budget=full {shlex.join(wide)} cluster.address=auto"
    if task == "adding":
        supervised = "map.facet=task.supervision task.supervision=every_step,last model.hidden_size=32"
        purpose = "The same map of odd or even, a label at every step beside one at the last step only:"
        yield purpose, f"{begin} task=parity {supervised} budget.facets=2 budget.minutes=15"


def _task_arguments(run: Run) -> list[str]:
    """Return the arguments about the task, including the path of the user's file."""
    config, path = run.config, run.config.setting("task.path")
    given = [one for one in _original_arguments(run) or () if one.startswith("task.")]
    kept = [one for one in given if one.partition("=")[0] not in config.axis_paths]
    has_path = path is None or any(one.startswith("task.path=") for one in kept)
    # A path with a comma is quoted for our syntax, and then for the shell.
    written = json.dumps(path, ensure_ascii=False) if re.search(r"[,#\[\]{}]", str(path)) else path
    return kept if has_path else [f"task.path={written}", *kept]


def _run_arguments(run: Run) -> str:
    """Return the arguments that identify the run."""
    arguments = [f"run={run.folder.name}"]
    if str(run.folder.path.parent) != "runs":
        arguments.append(f"storage={run.folder.path.parent}")
    return shlex.join(arguments)
