"""Journal lines, history lines and checkpoints cut at any byte, as by a crash, then resumed. Needs no Ray."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.chaos.lab import Lab
from benchmarks.chaos.small_driver import small_arguments
from benchmarks.chaos.tally import Tally, history_of, train_to_the_end
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.run_folder.records import TrialRecord
from failmap.search.config import RunConfig
from failmap.search.loading import load
from failmap.search.study import Start, Study
from failmap.search.trial.checkpoint import STATE_FILE
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession
from failmap.search.worker import Worker

#: A position at which a file is cut.
Cut = TypeVar("Cut")


def tear_journals(lab: Lab, tally: Tally) -> None:
    """Cut a journal within each line; the next decisions must follow from the complete lines before."""
    whole = lab.new_run("journal")
    config = load(small_arguments(lab.scratch, whole.name))
    _begin_two_trials(config, whole)
    lines = Path(str(whole.journal)).read_bytes().splitlines(keepends=True)
    expected = [_next_decisions(lab, config, b"".join(lines[:count]))[0] for count in range(len(lines))]
    cuts = [(number, size) for number, line in enumerate(lines) for size in range(1, len(line))]
    for number, size in _shuffled(lab, tally, cuts):
        decisions, notices = _next_decisions(lab, config, b"".join(lines[:number]) + lines[number][:size])
        tally.tried += 1
        tally.decisions += decisions != expected[number]
        if not any(f"{size} bytes" in notice for notice in notices):
            tally.remarks.append(f"journal cut in line {number + 1}: no notice of {size} torn bytes")


def tear_histories(lab: Lab, tally: Tally) -> None:
    """Cut a history within its last line; the trial must resume from its checkpoint and end the same."""
    whole, expected = _interrupted_trial(lab)
    text = Path(str(whole.history)).read_bytes()
    last = text.rfind(b"\n", 0, len(text) - 1) + 1
    for size in _shuffled(lab, tally, range(last, len(text))):
        folder = _copy(lab, whole)
        Path(str(folder.history)).write_bytes(text[:size])
        tally.tried += 1
        tally.histories += _trained_on(folder) != expected


def tear_checkpoints(lab: Lab, tally: Tally) -> None:
    """Cut a checkpoint anywhere; the trial must restart and end the same."""
    whole, expected = _interrupted_trial(lab)
    state = Path(str(whole.checkpoint / STATE_FILE)).read_bytes()
    for size in _shuffled(lab, tally, range(len(state))):
        folder = _copy(lab, whole)
        Path(str(folder.checkpoint / STATE_FILE)).write_bytes(state[:size])
        tally.tried += 1
        tally.histories += _trained_on(folder) != expected


def _begin_two_trials(config: RunConfig, folder: RunFolder) -> None:
    """Make a run whose first trial has ended and whose second one is running, and resume it once."""
    study = Study.open(config, folder, lambda line: None)
    worker = Worker(folder, device="cpu", num_threads=1, keep="none", test=False)
    first = study.ask()
    assert first is not None
    worker.begin(first.number, first.attempt)
    while not worker.advance()["done"]:
        pass
    assert worker.session is not None
    assert worker.session.summary is not None
    study.tell(first.number, worker.session.summary)
    study.ask()
    study.close()
    study = Study.open(config, folder, lambda line: None)
    study.ask()
    study.close()


def _next_decisions(lab: Lab, config: RunConfig, journal: bytes) -> tuple[list[Start], list[str]]:
    """Return the next trials of a study with this journal, and its notices of repairs."""
    folder = RunFolder(lab.scratch / "torn-journal")
    Path(str(folder.path)).mkdir()
    Path(str(folder.journal)).write_bytes(journal)
    notices: list[str] = []
    study = Study.open(config, folder, notices.append)
    decisions = [start for _ in range(2) if (start := study.ask()) is not None]
    study.close()
    shutil.rmtree(str(folder.path))
    return decisions, notices


def _interrupted_trial(lab: Lab) -> tuple[TrialFolder, list[dict[str, object]]]:
    """Return a trial that was killed some evaluations after its checkpoint, and its undisturbed history."""
    run = lab.new_run("torn-trial")
    config = load(small_arguments(lab.scratch, run.name))
    study = Study.open(config, run, lambda line: None)
    start = study.ask()
    study.close()
    assert start is not None
    session = TrialSession(start.config, run.trial(start.number), torch.device("cpu"))
    # The first checkpoint is written after the first evaluation, later ones after some training time.
    for _ in range(4):
        session.advance()
    assert run.trial(start.number).checkpoint.exists()
    undisturbed = RunFolder(lab.scratch / f"{run.name}-undisturbed")
    train_to_the_end(TrialSession(start.config, undisturbed.trial(0), torch.device("cpu")))
    return run.trial(start.number), history_of(undisturbed, 0)


def _trained_on(folder: TrialFolder) -> list[dict[str, object]]:
    """Resume a trial, return its history and remove its files."""
    record = TrialRecord.from_json(Path(str(folder.record)).read_text(encoding="utf-8"))
    train_to_the_end(TrialSession(TrialConfig.model_validate(record.config), folder, torch.device("cpu")))
    run = RunFolder(folder.path.parent.parent)
    found = history_of(run, int(folder.path.name))
    shutil.rmtree(str(run.path))
    return found


def _copy(lab: Lab, folder: TrialFolder) -> TrialFolder:
    """Copy the trial to a new run."""
    copy = lab.new_run("torn-copy").trial(0)
    shutil.copytree(str(folder.path), str(copy.path))
    return copy


def _shuffled(lab: Lab, tally: Tally, cuts: Sequence[Cut]) -> Iterator[Cut]:
    """Yield the cuts in random order for as long as the fault may take, at least one."""
    tally.start_clock()
    return takewhile(lambda _: tally.goes_on, lab.rng.sample(cuts, len(cuts)))
