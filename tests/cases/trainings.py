"""Runs and rescues whose trials train in this process, without Ray."""

import json
from collections.abc import Callable
from pathlib import Path

from failmap.analysis.load import Run, load_run
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.interventions.plan import Case
from failmap.search.interventions.request import RescueArguments, read_session
from failmap.search.interventions.rescue_plan import plan_rescue
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.interventions.view import replay
from failmap.search.loading import from_yaml, load, to_yaml
from failmap.search.study import Study
from failmap.search.worker import Worker

#: Seeds of a cell, enough for its verdict to be more than one trial's.
NUM_SEEDS = 2
#: How a trial ends that is not trained.
UNTRAINED = Summary("failed", "update budget spent", updates=100, score=0.1, best_score=0.1, target_score=0.9)


def search(storage: Path, *words: str) -> RunFolder:
    """Run a search to its end."""
    seeds = (f"budget.seeds={NUM_SEEDS}", f"budget.max_seeds={NUM_SEEDS}")
    config = load([*words, *seeds, f"storage={storage}", "run=case"])
    folder = RunFolder(storage / "case")
    folder.path.mkdir()
    write_atomically(folder.config, to_yaml(config))
    train(Study.open(config, folder, lambda line: None), folder)
    return folder


def rescue(
    folder: RunFolder, is_trained: Callable[[TrialRecord], bool] = lambda record: True
) -> tuple[Case, ...]:
    """Run a rescue of the only cell, and what follows on it, to the end, and return its cases.

    Args:
        folder: The run's folder.
        is_trained: Whether a trial is trained; otherwise it fails at once, without a history.
    """
    labels = load_run(folder).records[0].cell
    # So few seeds do not decide that a cell fails, so it is named.
    cell = ",".join(f"{path}={label}" for path, label in labels.items())
    words = [f"run={folder.name}", f"storage={folder.path.parent}", f"seeds={NUM_SEEDS}", f"cell={cell}"]
    session = read_session("rescue", RescueArguments, words)
    while True:
        run = load_run(folder)
        plan = plan_rescue(session, run)
        schedule = InterventionSchedule(plan)
        replay(schedule, session.config.space, run.records)
        if schedule.next() is None:
            return tuple(plan.cases)
        config = from_yaml(folder.config)
        train(Study.open(config, folder, lambda line: None, InterventionSchedule(plan)), folder, is_trained)


def train(
    study: Study, folder: RunFolder, is_trained: Callable[[TrialRecord], bool] = lambda record: True
) -> None:
    """Train one trial after the other until the study has no more."""
    worker = Worker(folder, device="cpu", num_threads=1, keep="none", test=False)
    while (start := study.ask()) is not None:
        record = TrialRecord.from_json(folder.trial(start.number).record.read_text())
        if not is_trained(record):
            study.tell(start.number, UNTRAINED)
            continue
        worker.begin(start.number, start.attempt)
        while not (result := worker.advance())["done"]:
            pass
        study.tell(start.number, Summary(**json.loads(result["summary"])))
    study.close()


def causes(run: Run) -> set[str]:
    """Return the causes of a map's failed trials; all of its trials must have failed."""
    records = run.cell_records
    assert records
    assert {record.outcome for record in records} == {"failed"}
    diagnosed = [run.explanations[record.number].diagnosis for record in records]
    return {diagnosis.cause for diagnosis in diagnosed if diagnosis is not None}


def learned_by(folder: RunFolder) -> dict[str, int]:
    """Return the seeds that learned, by the chain of fixes."""
    found: dict[str, int] = {}
    for record in load_run(folder).records:
        if record.intervention is not None:
            chain = record.intervention.chain
            found[chain] = found.get(chain, 0) + (record.outcome == "learned")
    return found
