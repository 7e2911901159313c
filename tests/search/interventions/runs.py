"""Runs whose trials end by a rule instead of training, and allocations that run without a study."""

import random
from collections.abc import Callable
from dataclasses import replace

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Outcome, Summary
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import Allocation, NextTrial
from failmap.search.config import RunConfig
from failmap.search.study import Start, Study
from failmap.search.trial.config import TrialConfig

LEARNED = Summary("learned", "criterion met", updates=700, score=0.97, best_score=0.97, target_score=0.95)
FAILED = replace(LEARNED, outcome="failed", reason="update budget spent", score=0.1, best_score=0.2)
DIVERGED = replace(
    FAILED, reason="not finite: loss at update 7", first_nonfinite={"tensor": "loss", "update": 7}
)

Rule = Callable[[TrialConfig], Summary]


def open_study(config: RunConfig, folder: RunFolder, agenda: Allocation | None = None) -> Study:
    return Study.open(config, folder, lambda line: None, agenda)


def run_all(study: Study, rule: Rule) -> list[Start]:
    """End one trial after the other by the rule until none is left."""
    starts = []
    while (start := study.ask()) is not None:
        starts.append(start)
        study.tell(start.number, rule(start.config))
    study.close()
    return starts


def begin(allocation: Allocation, trial: NextTrial, number: int) -> KnownTrial:
    note = KnownTrial(
        number, trial.cell, trial.recipe_index, {}, trial.purpose, trial.seed, intervention=trial.intervention
    )
    allocation.begin(note)
    return note


def run_one_by_one(allocation: Allocation, rule: Callable[[NextTrial], Outcome]) -> list[NextTrial]:
    """Return all trials of an allocation if each ends before the next begins."""
    trials: list[NextTrial] = []
    while (trial := allocation.next()) is not None:
        trials.append(trial)
        allocation.end(begin(allocation, trial, 1000 + len(trials)), rule(trial), 0.5)
    return trials


def run_in_any_order(
    allocation: Allocation,
    rule: Callable[[NextTrial], Outcome],
    chance: random.Random,
    look: Callable[[list[KnownTrial]], None],
    num_slots: int,
) -> list[tuple[NextTrial, KnownTrial]]:
    """Return all trials of an allocation with several at a time; `look` is called with the notes so far."""
    begun: list[tuple[NextTrial, KnownTrial]] = []
    running: list[tuple[NextTrial, KnownTrial]] = []
    while True:
        look([note for _, note in begun])
        trial = allocation.next()
        if trial is not None and len(running) < num_slots:
            note = begin(allocation, trial, 1000 + len(begun))
            begun.append((trial, note))
            running.append((trial, note))
        elif running:
            trial, note = running.pop(chance.randrange(len(running)))
            allocation.end(note, rule(trial), 0.5)
        else:
            return begun
