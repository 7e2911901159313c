"""Results of a worker for trials that end, fail, are superseded or preempted, or lose their storage."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from failmap.run_folder.paths import WEIGHTS_FILE, RunFolder
from failmap.run_folder.records import Intervention, Summary, TrialRecord, read_history
from failmap.search.trial.checkpoint import Snapshot
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import begin_attempt
from failmap.search.trial.process import PreemptedError
from failmap.search.trial.session import TrialSession
from failmap.search.worker import BrokenDeviceError, Worker

RECORD = TrialRecord(
    number=0,
    attempt=1,
    config=TrialConfig.model_validate(
        {
            "task": {"name": "adding", "sequence_length": 4, "test_size": 64},
            "model": {"name": "lstm", "hidden_size": 4},
            "train": {"max_updates": 4, "evaluate_every": 2, "batch_size": 4},
        }
    ).model_dump(mode="json"),
    cell={},
    recipe={},
    recipe_index=0,
    purpose="default",
    seed=0,
    started="2026-01-01T00:00:00+00:00",
)

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Make a run of trials as the driver prepares them for a worker."""

    def make(*configs: dict[str, Any]) -> RunFolder:
        run = RunFolder(tmp_path / "run")
        for number, config in enumerate(configs or (RECORD.config,)):
            folder = run.trial(number)
            folder.path.mkdir(parents=True)
            folder.record.write_text(replace(RECORD, number=number, config=config).to_json())
            begin_attempt(folder, 1)
        return run

    return make


def worker(run: RunFolder) -> Worker:
    return Worker(run, device="cpu", num_threads=1, keep="none", test=False)


def last_result(work: Worker, number: int = 0) -> tuple[dict[str, Any], Summary]:
    """Run a trial, and return its last result and summary."""
    work.begin(number, 1)
    result = work.advance()
    while not result["done"]:
        assert json.loads(result["summary"])["outcome"] is None
        result = work.advance()
    return result, Summary(**json.loads(result["summary"]))


def test_trial_is_trained_to_its_end(make_run: MakeRun) -> None:
    run = make_run()
    result, summary = last_result(worker(run))
    assert (summary.outcome, summary.updates, result["update"]) == ("failed", 4, 4)
    assert result["fault"] is None
    assert summary.host
    assert [evaluation.update for evaluation in read_history(run.trial(0).history)] == [2, 4]


def test_threads_are_recorded(make_run: MakeRun) -> None:
    run = make_run(RECORD.config, RECORD.config)
    try:
        recorded = [
            last_result(Worker(run, device="cpu", num_threads=threads, keep="none", test=False), number)[1]
            for number, threads in enumerate((2, 1))
        ]
    finally:
        torch.set_num_threads(1)
    assert [summary.threads for summary in recorded] == [2, 1]


def test_next_trial_runs_after_error(make_run: MakeRun) -> None:
    broken = {**RECORD.config, "task": {"name": "mnist", "folder": "/nowhere", "sequence_length": 4}}
    broken["output"] = {"loss": "cross_entropy"}
    run = make_run(broken, RECORD.config)
    work = worker(run)
    _, summary = last_result(work, 0)
    assert summary.outcome == "errored"
    assert summary.reason.startswith("TaskError: ")
    assert "\n" not in summary.reason
    assert last_result(work, 1)[1].outcome == "failed"


def test_stop_leaves_trial_unfinished(make_run: MakeRun) -> None:
    run = make_run()
    run.stop.touch()
    assert last_result(worker(run))[1].outcome is None
    assert not run.trial(0).history.exists()


def test_superseded_attempt_writes_nothing(make_run: MakeRun) -> None:
    run = make_run()
    begin_attempt(run.trial(0), 2)
    _, summary = last_result(worker(run))
    assert summary.outcome is None
    assert "another attempt" in summary.reason
    assert not run.trial(0).history.exists()


def test_storage_failure_is_no_fault_of_the_trial(make_run: MakeRun) -> None:
    run = make_run()
    run.trial(0).history.mkdir()
    result, summary = last_result(worker(run))
    assert summary.outcome is None
    assert "cannot write" in result["fault"]
    assert str(run.trial(0).history) in result["fault"]


@pytest.mark.parametrize(("kind", "is_kept"), [("donor", True), ("rescue", False)])
def test_donor_weights_are_kept(make_run: MakeRun, kind: Literal["donor", "rescue"], is_kept: bool) -> None:
    config = TrialConfig.model_validate(
        {
            "task": {"name": "delayed_recall", "sequence_length": 3, "test_size": 256},
            "model": {"name": "lstm", "hidden_size": 8},
            "train": {"learning_rate": 3e-2, "max_updates": 50, "evaluate_every": 5, "batch_size": 16},
        }
    )
    run = make_run(config.model_dump(mode="json"))
    record = TrialRecord.from_json(run.trial(0).record.read_text())
    change = Intervention(kind, "start_shorter", {}, 0)
    run.trial(0).record.write_text(replace(record, intervention=change).to_json())
    _, summary = last_result(worker(run))
    assert summary.outcome == "learned"
    assert (run.trial(0).path / WEIGHTS_FILE).exists() == is_kept


def raises(error: BaseException) -> Callable[[TrialSession], None]:
    def advance(session: TrialSession) -> None:
        raise error

    return advance


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), RuntimeError("a bug")])
def test_exceptions_end_only_their_trial(
    raised: BaseException, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(RECORD.config, RECORD.config)
    work = worker(run)
    with monkeypatch.context() as planted:
        planted.setattr(TrialSession, "advance", raises(raised))
        result, summary = last_result(work, 0)
    assert (summary.outcome, result["ended_by"]) == ("errored", "error")
    assert summary.reason.startswith(type(raised).__name__)
    _, next_summary = last_result(work, 1)
    assert next_summary.outcome == "failed"


def test_preempted_worker_saves_trial(make_run: MakeRun) -> None:
    long = {**RECORD.config, "train": {**RECORD.config["train"], "max_updates": 100_000}}
    run = make_run(long, RECORD.config)
    preempted = False
    work = Worker(run, device="cpu", num_threads=1, keep="none", test=False, is_preempted=lambda: preempted)
    work.begin(0, 1)
    work.advance()
    preempted = True
    with pytest.raises(PreemptedError, match="SIGTERM"):
        deque(iter(work.advance, None), maxlen=0)
    saved = Snapshot.load(run.trial(0).checkpoint, torch.device("cpu"))
    assert saved is not None
    last = list(read_history(run.trial(0).history))[-1]
    assert saved.progress.update == last.update
    with pytest.raises(PreemptedError):
        work.begin(1, 1)
    assert not run.trial(1).history.exists()


def test_preemption_with_frequent_evaluations(make_run: MakeRun) -> None:
    train = {**RECORD.config["train"], "max_updates": 100_000, "evaluate_every": 1}
    preempted = False
    work = Worker(
        make_run({**RECORD.config, "train": train}),
        device="cpu", num_threads=1, keep="none", test=False, is_preempted=lambda: preempted,
    )  # fmt: skip
    work.begin(0, 1)
    work.advance()
    preempted = True
    with pytest.raises(PreemptedError):
        deque(iter(work.advance, None), maxlen=0)


def test_sigterm_ends_busy_process_after_grace() -> None:
    hangs = (
        "import os, signal\n"
        "from failmap.search.trial.process import PreemptionFlag\n"
        "flag = PreemptionFlag(grace_seconds=1)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print(flag.is_set, flush=True)\n"
        "while True: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hangs], cwd=Path(__file__).parents[2], capture_output=True, check=False
    )
    assert (done.stdout, done.returncode) == (b"True\n", -signal.SIGALRM)


def test_broken_gpu_ends_process(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = torch.AcceleratorError("CUDA error: device-side assert triggered")
    work = worker(make_run())
    monkeypatch.setattr(TrialSession, "advance", raises(broken))
    work.begin(0, 1)
    with pytest.raises(BrokenDeviceError, match="device-side assert"):
        work.advance()


def test_enomem_is_no_storage_failure(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrialSession, "advance", raises(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))))
    result, summary = last_result(worker(make_run()))
    assert (result["fault"], result["ended_by"], summary.outcome) == (None, "out_of_memory", "errored")


#: A network of 8,000 units has 1 GB of weights, in a process with a limit of 400 MB.
TOO_LARGE = {**RECORD.config, "model": {**RECORD.config["model"], "hidden_size": 8_000}}

WITH_LITTLE_MEMORY = """
import sys
from pathlib import Path
from failmap.run_folder.paths import RunFolder, WEIGHTS_FILE
from failmap.search.worker import BrokenDeviceError, Worker

run = RunFolder(Path(sys.argv[1]))
work = Worker(run, device="cpu", num_threads=1, keep="none", test=False, memory_bytes=400 * 2**20)
for number in (0, 1):
    work.begin(number, 1)
    result = work.advance()
    while not result["done"]:
        result = work.advance()
    print(result["ended_by"], result["summary"])
"""


def test_memory_limit(
    make_run: MakeRun,
) -> None:
    run = make_run(TOO_LARGE, RECORD.config)
    done = subprocess.run(
        [sys.executable, "-c", WITH_LITTLE_MEMORY, str(run.path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    (first, summary), (second, after) = (line.split(" ", 1) for line in done.stdout.splitlines())
    assert (first, json.loads(summary)["outcome"]) == ("out_of_memory", "errored")
    assert re.match(r"out of memory .*\b4 .*\b4, .*8000 .*1: RuntimeError: ", json.loads(summary)["reason"])
    assert (second, json.loads(after)["outcome"]) == ("None", "failed")
