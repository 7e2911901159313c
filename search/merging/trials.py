"""The trials of several runs as those of one: which are the same, in which order, under which numbers."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from failmap.run_folder.errors import UserError
from failmap.search.journal.trial_codec import known_trial, summary_of
from failmap.search.merging.source import Source
from failmap.search.space import Cell

#: What a trial is, wherever it was run. Sorted, keys are in the order of a merged run's numbers.
Key = tuple[Any, ...]


@dataclass(frozen=True)
class MergedTrial:
    """A trial and the run it is taken from."""

    source: Source
    trial: FrozenTrial

    @property
    def has_ended(self) -> bool:
        """Whether it was told; else it goes on from its checkpoint."""
        return summary_of(self.trial) is not None

    def __str__(self) -> str:
        return f"{self.source.name}/{self.trial.number}"


@dataclass(frozen=True)
class MergedTrials:
    """The trials of a merged run.

    Attributes:
        trials: by their numbers there.
        numbers: the number there of every trial of every source, by the source's place and its own number.
        num_repeated: trials that two sources had, the same in both.
        problems: why they are no trials of one run, a line each.
    """

    trials: Sequence[MergedTrial]
    numbers: Mapping[tuple[str, int], int]
    num_repeated: int
    problems: Sequence[str]

    def attributes(self, taken: MergedTrial, run: str) -> dict[str, Any]:
        """What the journal says of a trial, with its origin, and the new numbers of trials that it names.

        Args:
            taken: the trial.
            run: the merged run's name.
        """
        source, attributes = taken.source, dict(taken.trial.user_attrs)
        attributes.setdefault("origin", {"run": source.config.run, "number": taken.trial.number})
        changed = attributes.get("intervention")
        if changed is None:
            return attributes
        if changed["kind"] == "ablation":
            changed = {**changed, "base": self.numbers[source.place, changed["base"]]}
        weights = changed["changes"].get("model.start_from")
        donor, _, number = str(weights).rpartition("/")
        if weights is not None and donor == source.config.run:
            # The weights lie in the merged run, too: the sources may be gone when it goes on.
            weights = f"{run}/{self.numbers[source.place, int(number)]}"
            changed = {**changed, "changes": {**changed["changes"], "model.start_from": weights}}
            config = attributes["config"]
            attributes["config"] = {**config, "model": {**config["model"], "start_from": weights}}
        return {**attributes, "intervention": changed}


def merge_trials(sources: Sequence[Source], order: Mapping[Cell, int]) -> MergedTrials:
    """Puts the trials of sources in one order: by cell, recipe and seed; what was changed about them behind.

    Args:
        sources: in an order of their own; where two have the same trial, the first one's is taken, or the one
            that is further.
        order: the place of each cell.
    """
    found: dict[Key, list[MergedTrial]] = defaultdict(list)
    keys: dict[tuple[str, int], Key] = {}
    problems: list[str] = []
    for source in sources:
        try:
            for trial, key in zip(source.trials, _keys(source, order), strict=True):
                found[key].append(MergedTrial(source, trial))
                keys[source.place, trial.number] = key
        except (KeyError, IndexError, TypeError) as error:
            problems.append(f"{source.folder.journal} is corrupt: a trial of no cell or with no {error}")
    problems += _recipe_conflicts(found.values())
    trials = []
    for key in sorted(found):
        best = found[key][0]
        for other in found[key][1:]:
            try:
                further = _further(best, other)
            except UserError as error:
                problems += error.problems
                continue
            if further is None:
                problems.append(
                    f"{best} and {other} are the same trial ({_told(best)}), with other histories"
                )
            else:
                best = further
        trials.append(best)
    places = {key: number for number, key in enumerate(sorted(found))}
    numbers = {place: places[key] for place, key in keys.items()}
    return MergedTrials(trials, numbers, sum(map(len, found.values())) - len(found), problems)


def _keys(source: Source, order: Mapping[Cell, int]) -> Iterator[Key]:
    """What each trial of a source is, by number. Raises KeyError or the like where it cannot be read."""
    keys: list[Key] = []
    times: Counter[Key] = Counter()
    for trial in source.trials:
        attributes = trial.user_attrs
        changed = attributes.get("intervention")
        what: tuple[str, ...] = ()
        if changed is not None:
            # An ablation names a trial by its number, which is the source's own.
            base = keys[changed["base"]] if changed["kind"] == "ablation" else changed["base"]
            what = (changed["kind"], changed["name"], _settings(changed["changes"]), repr(base))
        cell = order[known_trial(trial, source.config.space).cell]
        key = (cell, len(what), attributes["recipe_index"], what, attributes["seed"])
        keys.append((*key, times[key]))
        times[key] += 1
    yield from keys


def _settings(changes: Mapping[str, Any]) -> str:
    """What was set, less the trial whose weights it began with: that one's seed tells it apart."""
    told = {path: value for path, value in changes.items() if path != "model.start_from"}
    return json.dumps(told, sort_keys=True)


def _recipe_conflicts(found: Any) -> Iterator[str]:
    """Recipes that have one number and are not the same: samplers that look at scores may differ in them."""
    seen: dict[tuple[Any, ...], MergedTrial] = {}
    told = set()
    for taken in (taken for group in found for taken in group):
        attributes = taken.trial.user_attrs
        place = (json.dumps(attributes["cell"]), attributes["recipe_index"])
        first = seen.setdefault(place, taken)
        if first.trial.user_attrs["recipe"] != attributes["recipe"] and place not in told:
            told.add(place)
            yield (
                f"{first} and {taken} call other recipes number {attributes['recipe_index']} "
                f"of the cell {_cell_words(first)}"
            )


def _further(one: MergedTrial, other: MergedTrial) -> MergedTrial | None:
    """The one of two runs of a trial that got further; None where they are not the same."""
    histories = [taken.source.history(taken.trial.number) for taken in (one, other)]
    common = min(map(len, histories))
    if histories[0][:common] != histories[1][:common]:
        return None
    if one.has_ended and other.has_ended:
        first, second = summary_of(one.trial), summary_of(other.trial)
        assert first is not None
        assert second is not None
        is_same = len(histories[0]) == len(histories[1]) and first.outcome == second.outcome
        return one if is_same else None
    longer = one if len(histories[0]) >= len(histories[1]) else other
    if one.has_ended or other.has_ended:
        ended = one if one.has_ended else other
        return ended if longer is ended or len(histories[0]) == len(histories[1]) else None
    return longer


def _told(taken: MergedTrial) -> str:
    attributes = taken.trial.user_attrs
    return f"{_cell_words(taken)}, recipe {attributes['recipe_index']}, seed {attributes['seed']}"


def _cell_words(taken: MergedTrial) -> str:
    return " ".join(f"{path}={label}" for path, label in taken.trial.user_attrs["cell"].items())
