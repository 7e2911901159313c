"""Lines and checkpoints that a crash left torn: cut at every byte, and gone on with. No Ray is needed."""

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.chaos.lab import Lab, time_left
from benchmarks.chaos.small_driver import small_words
from benchmarks.chaos.tally import Tally, history_of
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.run_folder.records import TrialRecord
from failmap.search.config import RunConfig
from failmap.search.loading import load
from failmap.search.study import Start, Study
from failmap.search.trial.checkpoint import STATE_FILE
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession
from failmap.search.worker import Worker

#: Where something is cut.
Cut = TypeVar("Cut")


def tear_journals(lab: Lab, tally: Tally, seconds: float) -> None:
    """Cuts a journal within each of its lines; the next decisions must be those of the whole lines before."""
    whole = lab.new_run("journal")
    config = load(small_words(lab.scratch, whole.name))
    _begin_two_trials(config, whole)
    lines = Path(str(whole.journal)).read_bytes().splitlines(keepends=True)
    expected = [_next_decisions(lab, config, b"".join(lines[:count]))[0] for count in range(len(lines))]
    cuts = [(number, size) for number, line in enumerate(lines) for size in range(1, len(line))]
    for number, size in _until_time_is_spent(lab.moments, cuts, seconds):
        decisions, notices = _next_decisions(lab, config, b"".join(lines[:number]) + lines[number][:size])
        tally.tried += 1
        tally.decisions += decisions != expected[number]
        if not any(f"({size} bytes)" in notice for notice in notices):
            tally.remarks.append(f"journal cut in line {number + 1}: nobody is told of {size} torn bytes")


def tear_histories(lab: Lab, tally: Tally, seconds: float) -> None:
    """Cuts a history within its last line; the trial goes on from its checkpoint to the undisturbed end."""
    whole, expected = _interrupted_trial(lab)
    text = Path(str(whole.history)).read_bytes()
    last = text.rfind(b"\n", 0, len(text) - 1) + 1
    for size in _until_time_is_spent(lab.moments, range(last, len(text)), seconds):
        folder = _copy(lab, whole)
        Path(str(folder.history)).write_bytes(text[:size])
        tally.tried += 1
        tally.histories += _trained_on(folder) != expected


def tear_checkpoints(lab: Lab, tally: Tally, seconds: float) -> None:
    """Cuts a checkpoint anywhere; the trial begins anew and comes to the same end."""
    whole, expected = _interrupted_trial(lab)
    state = Path(str(whole.checkpoint / STATE_FILE)).read_bytes()
    for size in _until_time_is_spent(lab.moments, range(len(state)), seconds):
        folder = _copy(lab, whole)
        Path(str(folder.checkpoint / STATE_FILE)).write_bytes(state[:size])
        tally.tried += 1
        tally.histories += _trained_on(folder) != expected


def _begin_two_trials(config: RunConfig, folder: RunFolder) -> None:
    """A run whose first trial has ended and whose second one is under way, gone on with once."""
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
    """What a study asks for next over this journal, and what it tells of repairs."""
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
    """A trial that was killed some evaluations after its checkpoint, and its undisturbed history."""
    run = lab.new_run("torn-trial")
    config = load(small_words(lab.scratch, run.name))
    study = Study.open(config, run, lambda line: None)
    start = study.ask()
    study.close()
    assert start is not None
    session = TrialSession(start.config, run.trial(start.number), torch.device("cpu"))
    # The first checkpoint is due after the first evaluation, later ones after some training time.
    for _ in range(4):
        session.advance()
    assert run.trial(start.number).checkpoint.exists()
    undisturbed = RunFolder(lab.scratch / f"{run.name}-undisturbed")
    session = TrialSession(start.config, undisturbed.trial(0), torch.device("cpu"))
    while session.summary is None:
        session.advance()
    return run.trial(start.number), history_of(undisturbed, 0)


def _trained_on(folder: TrialFolder) -> list[dict[str, object]]:
    """The history of a trial that is gone on with to its end. Its files are removed."""
    record = TrialRecord.from_json(Path(str(folder.record)).read_text(encoding="utf-8"))
    session = TrialSession(TrialConfig.model_validate(record.config), folder, torch.device("cpu"))
    while session.summary is None:
        session.advance()
    run = RunFolder(folder.path.parent.parent)
    found = history_of(run, int(folder.path.name))
    shutil.rmtree(str(run.path))
    return found


def _copy(lab: Lab, folder: TrialFolder) -> TrialFolder:
    """The trial's files in a run of their own."""
    copy = lab.new_run("torn-copy").trial(0)
    shutil.copytree(str(folder.path), str(copy.path))
    return copy


def _until_time_is_spent(moments: random.Random, cuts: Sequence[Cut], seconds: float) -> Iterator[Cut]:
    """All cuts in random order, as far as time goes; at least one."""
    deadline = time.monotonic() + seconds
    for number, cut in enumerate(moments.sample(cuts, len(cuts))):
        if number and not time_left(deadline):
            return
        yield cut
