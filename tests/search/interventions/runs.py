"""Runs whose trials end by a rule instead of a training, and agendas that are worked off without a study."""

import random
from collections.abc import Callable
from dataclasses import replace

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Outcome, Summary
from failmap.search.allocation.map_allocation import Allocation, NextTrial
from failmap.search.allocation.needs import KnownTrial
from failmap.search.config import RunConfig
from failmap.search.study import Start, Study
from failmap.search.trial.config import TrialConfig

LEARNED = Summary("learned", "criterion met", updates=700, score=0.97, best_score=0.97, target_score=0.95)
FAILED = replace(LEARNED, outcome="failed", reason="update budget spent", score=0.1, best_score=0.2)
DIVERGED = replace(
    FAILED, reason="not finite: loss at update 7", first_nonfinite={"tensor": "loss", "update": 7}
)

Rule = Callable[[TrialConfig], Summary]


def cost(config: TrialConfig) -> float:
    return config.task.sequence_length * config.model.depth


def open_study(config: RunConfig, folder: RunFolder, agenda: Allocation | None = None) -> Study:
    return Study.open(config, folder, lambda line: None, cost, agenda)


def work_off(study: Study, rule: Rule) -> list[Start]:
    """Ends one trial after the other by the rule, until nothing is left."""
    starts = []
    while (start := study.ask()) is not None:
        starts.append(start)
        study.tell(start.number, rule(start.config))
    study.close()
    return starts


def begin(agenda: Allocation, job: NextTrial, number: int) -> KnownTrial:
    note = KnownTrial(
        number, job.cell, job.recipe_index, job.purpose, job.seed, intervention=job.intervention
    )
    agenda.begin(note, {})
    return note


def run_one_by_one(agenda: Allocation, rule: Callable[[NextTrial], Outcome]) -> list[NextTrial]:
    """All jobs of an agenda, where every trial ends before the next begins."""
    jobs: list[NextTrial] = []
    while (job := agenda.next()) is not None:
        jobs.append(job)
        agenda.end(begin(agenda, job, 1000 + len(jobs)), rule(job), 0.5)
    return jobs


def run_in_any_order(
    agenda: Allocation,
    rule: Callable[[NextTrial], Outcome],
    chance: random.Random,
    look: Callable[[list[KnownTrial]], None],
    num_slots: int,
) -> list[tuple[NextTrial, KnownTrial]]:
    """All jobs of an agenda, where several run at a time; `look` is called now and then with all notes."""
    begun: list[tuple[NextTrial, KnownTrial]] = []
    running: list[tuple[NextTrial, KnownTrial]] = []
    while True:
        look([note for _, note in begun])
        job = agenda.next()
        if job is not None and len(running) < num_slots:
            note = begin(agenda, job, 1000 + len(begun))
            begun.append((job, note))
            running.append((job, note))
        elif running:
            job, note = running.pop(chance.randrange(len(running)))
            agenda.end(note, rule(job), 0.5)
        else:
            return begun
