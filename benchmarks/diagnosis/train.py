"""Train the cases with Failmap's sessions, several at a time, each on one thread."""

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.faults import FAULTS
from benchmarks.diagnosis.labelled import (
    DEFAULT_FOLDER,
    LABEL_FILE,
    case_folder,
    label_text,
    stored_digest,
)
from failmap.run_folder.records import Summary, TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.cost import relative_cost
from failmap.search.trial.session import TrialSession


def train_all(
    cases: Iterable[Case],
    folder: Path = DEFAULT_FOLDER,
    processes: int = 2,
    progress: Callable[[str], None] = print,
) -> int:
    """Train every case that was not trained with its present configuration; the most expensive ones first.

    Args:
        cases: cases to train.
        folder: the files of a case are in folder/half/name: record.json, history.jsonl, and label.json, which
            is written last, so that an interrupted training is repeated.
        processes: number of concurrent trainings.
        progress: called with one line for each training that has ended.

    Returns:
        Number of trained cases.
    """
    wanted = [case for case in cases if stored_digest(case_folder(folder, case)) != digest(case)]
    dearest_first = sorted(wanted, key=lambda case: relative_cost(case.config), reverse=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(train, case, folder): case for case in dearest_first}
        try:
            for count, done in enumerate(as_completed(running), start=1):
                summary, case = done.result(), running[done]
                progress(
                    f"{count}/{len(wanted)} {case.name}: {summary.outcome} after {summary.updates} updates, "
                    f"{summary.seconds:.1f} s"
                )
        except KeyboardInterrupt:
            # Otherwise leaving the pool waits for all trainings that have not started.
            pool.shutdown(cancel_futures=True)
            raise
    return len(wanted)


def train(case: Case, folder: Path) -> Summary:
    """Train one case with its fault and write all of its files."""
    torch.set_num_threads(1)
    files = case_folder(folder, case)
    shutil.rmtree(files.path, ignore_errors=True)
    files.path.mkdir(parents=True)
    started = datetime.now(UTC).isoformat()
    session = TrialSession(case.config, files, torch.device("cpu"))
    if case.fault is not None:
        FAULTS[case.fault](session)
    while session.summary is None:
        session.advance()
    shutil.rmtree(files.checkpoint, ignore_errors=True)
    record = TrialRecord(
        number=0,
        attempt=1,
        config=case.config.model_dump(mode="json"),
        cell={},
        recipe={},
        recipe_index=0,
        purpose="default",
        seed=case.config.seed,
        started=started,
        ended=datetime.now(UTC).isoformat(),
        summary=session.summary,
    )
    write_atomically(files.record, record.to_json())
    write_atomically(files.path / LABEL_FILE, label_text(case, digest(case)))
    return session.summary


def digest(case: Case) -> str:
    """Return a digest of the case, including configuration and label."""
    values = {name: value for name, value in vars(case).items() if name != "config"}
    text = f"{values}{case.config.model_dump_json()}"
    return blake2b(text.encode(), digest_size=16).hexdigest()
