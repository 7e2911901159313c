"""The merged run: the trials of several runs as those of one, and its folder, written whole or not at all."""

import copy
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from failmap.run_folder.errors import UserError
from failmap.run_folder.own_copies import read_copy, store_copy
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.provenance import own_code_of
from failmap.run_folder.storage import is_local, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.allocation.remaining import write_costs
from failmap.search.config import RunConfig
from failmap.search.journal.log import open_log
from failmap.search.journal.trials import record_of, summary_of
from failmap.search.loading import to_yaml
from failmap.search.merging.sources import Source
from failmap.search.provenance import begin_session, end_session
from failmap.search.space import Cell

#: The setting that names the trial whose weights another one starts from.
_DONOR = "model.start_from"
#: What identifies a trial across runs. Sorted keys are in the order of the merged run's numbers.
Key = tuple[Any, ...]


@dataclass(frozen=True)
class MergedTrial:
    """A trial and its source."""

    source: Source
    trial: FrozenTrial

    @property
    def has_ended(self) -> bool:
        """Whether it has ended; otherwise it continues from its checkpoint."""
        return summary_of(self.trial) is not None

    def __str__(self) -> str:
        return f"{self.source.folder.name}/{self.trial.number}"


@dataclass(frozen=True)
class MergedTrials:
    """The trials of a merged run.

    Attributes:
        trials: The trials by their new numbers.
        numbers: The new number of every trial, by its source's location and its number there.
        num_repeated: The number of trials that two sources have, with the same history.
        problems: The reasons why these are not trials of one run, one line each.
    """

    trials: Sequence[MergedTrial]
    numbers: Mapping[tuple[str, int], int]
    num_repeated: int
    problems: Sequence[str]

    def attributes(self, taken: MergedTrial, run: str) -> dict[str, Any]:
        """Return a trial's attributes in the journal, with its origin, and with new numbers of trials.

        Args:
            taken: The trial.
            run: The merged run's name.
        """
        source, attributes = taken.source, dict(taken.trial.user_attrs)
        attributes.setdefault("origin", {"run": source.config.run, "number": taken.trial.number})
        if not taken.trial.state.is_finished():
            # The rule by which it might be stopped stays behind: it trains all its updates.
            attributes.pop("futility", None)
        if (continued := attributes.get("continues")) is not None:
            attributes["continues"] = self.numbers[source.location, continued]
        if (evicted := attributes.get("evicts")) is not None:
            attributes["evicts"] = [self.numbers[source.location, number] for number in evicted]
        changed = attributes.get("intervention")
        if changed is None:
            return attributes
        if changed["kind"] == "ablation":
            changed = {**changed, "base": self.numbers[source.location, changed["base"]]}
        weights = changed["changes"].get(_DONOR)
        donor, _, number = str(weights).rpartition("/")
        if weights is not None and donor == source.config.run:
            # The merged run has the weights, too: the sources may be gone when it continues.
            weights = f"{run}/{self.numbers[source.location, int(number)]}"
            changed = {**changed, "changes": {**changed["changes"], _DONOR: weights}}
            config = attributes["config"]
            attributes["config"] = {**config, "model": {**config["model"], "start_from": weights}}
        return {**attributes, "intervention": changed}


def merge_trials(sources: Sequence[Source], order: Mapping[Cell, int]) -> MergedTrials:
    """Put the trials of all sources in one order: by cell, recipe and seed, with interventions last.

    Args:
        sources: The runs; of a trial that two of them have, the longer one is taken, or else the first.
        order: The position of each cell.
    """
    found: dict[Key, list[MergedTrial]] = defaultdict(list)
    keys: dict[tuple[str, int], Key] = {}
    problems: list[str] = []
    for source in sources:
        try:
            for trial, key in zip(source.trials, _keys(source, order), strict=True):
                found[key].append(MergedTrial(source, trial))
                keys[source.location, trial.number] = key
        except (KeyError, IndexError, TypeError) as error:
            problems.append(f"{source.folder.journal} is corrupt: a trial has no known cell or lacks {error}")
    problems += _recipe_conflicts(found.values())
    trials = []
    for key in sorted(found):
        best = found[key][0]
        for other in found[key][1:]:
            try:
                best = _further(best, other)
            except UserError as error:
                problems += error.problems
        trials.append(best)
    positions = {key: number for number, key in enumerate(sorted(found))}
    numbers = {trial: positions[key] for trial, key in keys.items()}
    return MergedTrials(trials, numbers, sum(map(len, found.values())) - len(found), problems)


def _keys(source: Source, order: Mapping[Cell, int]) -> Iterator[Key]:
    """Yield the key of each trial of a source, by number. Raises KeyError or the like if it is corrupt."""
    keys: list[Key] = []
    times: Counter[Key] = Counter()
    for trial in source.trials:
        attributes = trial.user_attrs
        changed = attributes.get("intervention")
        what: tuple[str, ...] = ()
        if changed is not None:
            # An ablation names a trial by its number in the source.
            base = keys[changed["base"]] if changed["kind"] == "ablation" else changed["base"]
            # The donor of weights is left out: the trial's seed identifies it.
            settings = {path: value for path, value in changed["changes"].items() if path != _DONOR}
            what = (changed["kind"], changed["name"], json.dumps(settings, sort_keys=True), repr(base))
        elif (continued := attributes.get("continues")) is not None:
            updates = attributes["config"]["train"]["max_updates"]
            what = ("continue", f"{updates:09}", repr(keys[continued]))
        cell = order[source.config.space.cell(attributes["cell"])]
        key = (cell, len(what), attributes["recipe_index"], what, attributes["seed"])
        keys.append((*key, times[key]))
        times[key] += 1
    yield from keys


def _recipe_conflicts(found: Iterable[Sequence[MergedTrial]]) -> Iterator[str]:
    """Yield a line for each recipe number with two recipes: samplers that use scores may differ in them."""
    seen: dict[tuple[Any, ...], MergedTrial] = {}
    reported = set()
    for taken in (taken for group in found for taken in group):
        attributes = taken.trial.user_attrs
        recipe = (json.dumps(attributes["cell"]), attributes["recipe_index"])
        first = seen.setdefault(recipe, taken)
        if first.trial.user_attrs["recipe"] != attributes["recipe"] and recipe not in reported:
            reported.add(recipe)
            yield (
                f"{first} and {taken} have different recipes with number {attributes['recipe_index']} "
                f"of the cell {_cell_text(first)}"
            )


def _further(one: MergedTrial, other: MergedTrial) -> MergedTrial:
    """Return the longer of two versions of a trial.

    Raises:
        UserError: They differ, or a history is corrupt.
    """
    first, second = (taken.source.history(taken.trial.number) for taken in (one, other))
    best, longer, shorter = one, first, second
    if (other.has_ended, len(second)) > (one.has_ended, len(first)):
        best, longer, shorter = other, second, first
    outcomes = {summary.outcome for taken in (one, other) if (summary := summary_of(taken.trial)) is not None}
    have_ended = one.has_ended and other.has_ended
    # The shorter one may be the beginning of the longer one, but nothing follows the end of a trial.
    if longer[: len(shorter)] != shorter or len(outcomes) > 1 or (have_ended and len(first) != len(second)):
        at = one.trial.user_attrs
        trial = f"{_cell_text(one)}, recipe {at['recipe_index']}, seed {at['seed']}"
        raise UserError(f"{one} and {other} are the same trial ({trial}), with other histories")
    return best


def _cell_text(taken: MergedTrial) -> str:
    return " ".join(f"{path}={label}" for path, label in taken.trial.user_attrs["cell"].items())


def write_run(
    config: RunConfig,
    folder: RunFolder,
    gathered: MergedTrials,
    sources: Sequence[Source],
    command: Sequence[str],
) -> None:
    """Write the run's folder, which must not exist. Raises OSError if that fails.

    config.yaml is written last: without it, a folder is not a run.
    """
    with _all_or_nothing(folder) as new:
        store_of(new.path).make_folder(new.trials)
        journal = open_log(new.journal, config.run, lambda line: None, lambda: None)
        study_id = journal.storage.create_new_study([StudyDirection.MAXIMIZE], config.run)
        records = []
        for number, taken in enumerate(gathered.trials):
            template = copy.copy(taken.trial)
            template.user_attrs = gathered.attributes(taken, config.run)
            trial = journal.storage.get_trial(
                journal.storage.create_new_trial(study_id, template_trial=template)
            )
            assert trial.number == number
            records.append(record_of(trial))
            _copy_files(taken, new, number)
            write_atomically(new.trial(number).record, records[-1].to_json(), survives_power_loss=False)
        journal.sync()
        write_costs(config, new, records)
        _write_provenance(new, sources, command)
        write_atomically(new.config, to_yaml(config))


@contextmanager
def _all_or_nothing(folder: RunFolder) -> Iterator[RunFolder]:
    """Yield a folder next to the target, renamed at the end; in an object store, which cannot, the target."""
    new = folder
    if is_local(folder.path):
        new = RunFolder(folder.path.parent / f".{folder.name}.merging-{os.getpid()}")
    try:
        yield new
        if new is not folder:
            Path(str(new.path)).rename(str(folder.path))
    except BaseException:
        store_of(new.path).remove_tree(new.path)
        raise


def _copy_files(taken: MergedTrial, run: RunFolder, number: int) -> None:
    """Copy history and weights, and the checkpoint of an unfinished trial."""
    source, target = taken.source.folder.trial(taken.trial.number), run.trial(number)
    names = [
        name
        for name in taken.source.trial_files.get(taken.trial.number, [])
        if name != target.record.name
        and not (taken.has_ended and name.startswith(f"{target.checkpoint.name}/"))
        and not any(part.startswith(".") for part in name.split("/"))
    ]
    paths = {source.path / name: target.path / name for name in names}
    for path, content in store_of(source.path).read_many(list(paths), MAX_TENSOR_BYTES).items():
        store_of(target.path).write(paths[path], content, survives_power_loss=False)


def _write_provenance(folder: RunFolder, sources: Sequence[Source], command: Sequence[str]) -> None:
    """Write the sessions of all sources, each with the name of its run, followed by the merge."""
    codes = {digest: code for source in sources for digest, code in source.provenance["codes"].items()}
    sessions = [
        {"run": source.config.run, **session}
        for source in sources
        for session in source.provenance["sessions"]
    ]
    sessions.sort(key=lambda session: (str(session.get("started")), session["run"]))
    write_atomically(folder.provenance, json.dumps({"codes": codes, "sessions": sessions}, indent=1))
    files = {
        path: state for source in sources for path, state in source.last_session.get("files", {}).items()
    }
    notes = []
    for source in sources:
        for note in own_code_of(source.folder.provenance).values():
            # Runs of earlier versions have no copies.
            with suppress(FileNotFoundError, UserError):
                store_copy(read_copy(note, source.folder.own_code), folder.own_code)
                notes.append(note)
    begin_session(folder, command, files=files, own_code=notes)
    end_session(folder)
