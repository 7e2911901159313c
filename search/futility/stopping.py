"""Which of a run's trials may be stopped, and by which rule: by shipped curves first, then by its own."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from failmap.run_folder.futility import RuleNote, read_rule_notes, rule_path, write_rule_notes
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import NO_EVIDENCE, FutilityCheck, TrialRecord, parse_history
from failmap.run_folder.storage import store_of, write_atomically
from failmap.search.config import Futility
from failmap.search.futility.calibration import Curve, calibrate
from failmap.search.futility.families import (
    Family,
    box_around,
    is_within,
    num_evaluations_of,
    settings_of,
    shipped,
    sizes_of,
)
from failmap.search.futility.rule import Rule
from failmap.search.own.config import OWN

#: A family's rule is calibrated anew once the run has so many curves of its own.
_REFITS = (64, 128, 256, 512)
#: Separates these random numbers from other streams of the run's seed.
_EXEMPTION_STREAM = 2


@dataclass(frozen=True)
class _Ended:
    """A trial of the run that nothing stopped, and for how many it stands."""

    number: int
    sizes: Mapping[str, Any]
    has_learned: bool
    weight: float


class Stopping:
    """Give each trial that begins the newest rule of its family.

    A family shares all settings but sizes (see `families`). Its first rule is calibrated on shipped curves,
    where there are any; later ones on the run's own as well. A trial keeps the rule that it began with. Rules
    are files of the run's folder, so that workers anywhere and a resumed run have the same.

    Args:
        folder: The run's.
        config: How much may be stopped.
        seed: The run's, which decides on exemptions.
    """

    def __init__(self, folder: RunFolder, config: Futility, seed: int) -> None:
        self._folder, self._config, self._seed = folder, config, seed
        self._notes = read_rule_notes(folder)
        self._newest = {note.family: note for note in self._notes}
        self._digests: dict[str, str] = {}
        self._ended: dict[str, list[_Ended]] = defaultdict(list)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="calibration")
        self._awaited: dict[str, Future[tuple[RuleNote, Rule | None]]] = {}

    def prepare(self, config: Mapping[str, Any]) -> None:
        """Begin to calibrate the rule of a trial from shipped curves, in the background: it takes seconds.

        Args:
            config: The trial's, as its record has it; so for all methods.
        """
        if not self._may_stop(config):
            return
        family = self._family(config)
        if family in self._newest or family in self._awaited:
            return
        if (known := _shipped_family(config)) is not None:
            self._calibrate(family, known, num_evaluations_of(config), ())

    def begin(self, config: Mapping[str, Any]) -> FutilityCheck | None:
        """Return how a trial is stopped, or None if too little is known of such trials.

        Raises:
            OSError: A new rule cannot be written.
        """
        if not self._may_stop(config):
            return None
        self.prepare(config)
        family = self._family(config)
        self._collect(family, waits=family not in self._newest)
        note = self._newest.get(family)
        if note is None or not note.stopped:
            return None
        sizes = sizes_of(config)
        if not any(is_within(sizes, box) for box in note.boxes):
            return None
        return FutilityCheck(note.name, self._is_first(config) or self._is_drawn(config))

    def end(self, trial: TrialRecord) -> None:
        """Take note of a trial that has ended, now or in an earlier session, if nothing cut its curve."""
        summary, check = trial.summary, trial.futility
        if summary is None or trial.purpose in NO_EVIDENCE or not self._may_stop(trial.config):
            return
        if summary.outcome not in ("learned", "failed") or summary.p_learn:
            return
        # Of those that looked hopeless only exempt ones are whole, and stand for the others.
        is_spared = check is not None and check.exempt and summary.hopeless_at is not None
        is_drawn = is_spared and not self._is_first(trial.config)
        weight = 1 / self._config.exempt_share if is_drawn else 1.0
        family = self._family(trial.config)
        mine = self._ended[family]
        mine.append(_Ended(trial.number, sizes_of(trial.config), trial.outcome == "learned", weight))
        num_known = self._newest[family].num_own if family in self._newest else 0
        if len(mine) in _REFITS and len(mine) > num_known and family not in self._awaited:
            known = _shipped_family(trial.config)
            self._calibrate(family, known, num_evaluations_of(trial.config), tuple(mine))

    def close(self) -> None:
        """Give up what is being calibrated."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _calibrate(
        self, family: str, known: Family | None, num_evaluations: int, own: Sequence[_Ended]
    ) -> None:
        boxes = [] if known is None else [dict(box) for box in known.boxes]
        if own:
            boxes.append(box_around([one.sizes for one in own]))
        num_shipped = 0 if known is None else len(known.within(num_evaluations))

        def work() -> tuple[RuleNote, Rule | None]:
            if known is not None and not own:
                rule = _calibrate_shipped(known.name, num_evaluations, self._config.max_wrong)
            else:
                curves = [] if known is None else known.within(num_evaluations)
                curves += [curve for one in own if (curve := self._curve(one)) is not None]
                rule = calibrate(curves, num_evaluations, self._config.max_wrong)
            note = RuleNote(family, boxes, num_shipped, len(own))
            if rule is not None:
                note = replace(
                    note, stopped=rule.stopped, wrong=rule.wrong, saved=rule.saved, p_learn=rule.p_learn
                )
            return note, rule

        self._awaited[family] = self._pool.submit(work)

    def _collect(self, family: str, *, waits: bool) -> None:
        """Make a rule that has been calibrated the newest one of its family."""
        future = self._awaited.get(family)
        if future is None or not (waits or future.done()):
            return
        del self._awaited[family]
        note, rule = future.result()
        store_of(self._folder.path).make_folder(self._folder.futility)
        if rule is not None:
            write_atomically(rule_path(self._folder, note.name), rule.to_bytes())
        self._notes.append(note)
        # The list after the rule: what it names is there.
        write_rule_notes(self._folder, self._notes)
        self._newest[family] = note

    def _curve(self, ended: _Ended) -> Curve | None:
        """Return the curve of a trial; None if its history is gone or damaged: the others will do."""
        path = self._folder.trial(ended.number).history
        try:
            history = list(parse_history(store_of(path).open_log(path).lines(), str(path)))
        except (OSError, ValueError):
            return None
        return Curve(
            tuple(value for _, value in sorted(ended.sizes.items())),
            tuple(one.score for one in history),
            tuple(one.train_loss for one in history),
            ended.has_learned,
            ended.weight,
        )

    def _family(self, config: Mapping[str, Any]) -> str:
        """Return a digest of what one rule is for: a family, its evaluations, how often it may be wrong."""
        parts = repr([settings_of(config), num_evaluations_of(config), self._config.max_wrong])
        # A resumed run asks for each of its trials.
        if parts not in self._digests:
            self._digests[parts] = hashlib.sha256(parts.encode()).hexdigest()[:16]
        return self._digests[parts]

    def _may_stop(self, config: Mapping[str, Any]) -> bool:
        """Return whether trials may be stopped at all; an own function's updates are not known."""
        return self._config.max_wrong > 0 and OWN not in config

    def _is_first(self, config: Mapping[str, Any]) -> bool:
        """Return whether a trial has the first seed of its cell and recipe.

        It is exempt: the cause of a failure shows late, and only whole trainings are diagnosed.
        """
        return bool(config["seed"] == self._seed)

    def _is_drawn(self, config: Mapping[str, Any]) -> bool:
        """Return whether a trial is in the random exempt share, by its settings and not by its number."""
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).digest()
        draw = np.random.default_rng([self._seed, _EXEMPTION_STREAM, *digest]).random()
        return bool(draw < self._config.exempt_share)


def _shipped_family(config: Mapping[str, Any]) -> Family | None:
    return next((one for one in shipped() if one.has(config)), None)


@cache
def _calibrate_shipped(name: str, num_evaluations: int, max_wrong: float) -> Rule | None:
    family = next(one for one in shipped() if one.name == name)
    return calibrate(family.within(num_evaluations), num_evaluations, max_wrong)
