"""What a worker makes of trials that end well, break, are superseded, or meet a disk that fails."""

import errno
import json
import os
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

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Intervention, Summary, TrialRecord, read_history
from failmap.search.trial.checkpoint import WEIGHTS_FILE, Snapshot
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import begin_attempt
from failmap.search.trial.preemption import PreemptedError
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

Place = Callable[..., RunFolder]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Makes a run of trials as the driver leaves them to a worker."""

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


def ended(work: Worker, number: int = 0) -> tuple[dict[str, Any], Summary]:
    """The last result of a trial."""
    work.begin(number, 1)
    result = work.advance()
    while not result["done"]:
        assert json.loads(result["summary"])["outcome"] is None
        result = work.advance()
    return result, Summary(**json.loads(result["summary"]))


def test_a_trial_is_trained_to_its_end(place: Place) -> None:
    run = place()
    result, summary = ended(worker(run))
    assert (summary.outcome, summary.updates, result["update"]) == ("failed", 4, 4)
    assert result["fault"] is None
    assert summary.host
    assert [evaluation.update for evaluation in read_history(run.trial(0).history)] == [2, 4]


def test_a_trial_that_breaks_is_errored_and_the_next_one_runs(place: Place) -> None:
    broken = {**RECORD.config, "task": {"name": "mnist", "folder": "/nowhere", "sequence_length": 4}}
    broken["output"] = {"loss": "cross_entropy"}
    run = place(broken, RECORD.config)
    work = worker(run)
    _, summary = ended(work, 0)
    assert summary.outcome == "errored"
    assert summary.reason.startswith("TaskError: ")
    assert "\n" not in summary.reason
    assert ended(work, 1)[1].outcome == "failed"


def test_a_stop_that_was_asked_for_leaves_the_trial_unfinished(place: Place) -> None:
    run = place()
    run.stop.touch()
    assert ended(worker(run))[1].outcome is None
    assert not run.trial(0).history.exists()


def test_a_superseded_attempt_writes_nothing(place: Place) -> None:
    run = place()
    begin_attempt(run.trial(0), 2)
    _, summary = ended(worker(run))
    assert summary.outcome is None
    assert "another attempt" in summary.reason
    assert not run.trial(0).history.exists()


def test_a_disk_that_fails_is_a_fault_of_the_run_and_not_of_the_trial(place: Place) -> None:
    run = place()
    run.trial(0).history.mkdir()
    result, summary = ended(worker(run))
    assert summary.outcome is None
    assert "cannot write" in result["fault"]
    assert str(run.trial(0).history) in result["fault"]


@pytest.mark.parametrize(("kind", "is_kept"), [("donor", True), ("rescue", False)])
def test_a_donor_s_weights_stay_whatever_the_run_keeps(
    place: Place, kind: Literal["donor", "rescue"], is_kept: bool
) -> None:
    config = TrialConfig.model_validate(
        {
            "task": {"name": "delayed_recall", "sequence_length": 3, "test_size": 256},
            "model": {"name": "lstm", "hidden_size": 8},
            "train": {"learning_rate": 3e-2, "max_updates": 50, "evaluate_every": 5, "batch_size": 16},
        }
    )
    run = place(config.model_dump(mode="json"))
    record = TrialRecord.from_json(run.trial(0).record.read_text())
    change = Intervention(kind, "start_shorter", {}, 0)
    run.trial(0).record.write_text(replace(record, intervention=change).to_json())
    _, summary = ended(worker(run))
    assert summary.outcome == "learned"
    assert (run.trial(0).path / WEIGHTS_FILE).exists() == is_kept


def raises(error: BaseException) -> Callable[[TrialSession], None]:
    """A training that does nothing else."""

    def raise_it(session: TrialSession) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), RuntimeError("a bug")])
def test_what_a_trial_raises_ends_neither_the_process_nor_the_next_trial(
    raised: BaseException, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = place(RECORD.config, RECORD.config)
    work = worker(run)
    with monkeypatch.context() as planted:
        planted.setattr(TrialSession, "advance", raises(raised))
        result, summary = ended(work, 0)
    assert (summary.outcome, result["ended_by"]) == ("errored", "error")
    assert summary.reason.startswith(type(raised).__name__)
    _, next_summary = ended(work, 1)
    assert next_summary.outcome == "failed"


def test_a_worker_that_is_asked_to_leave_saves_its_trial_and_takes_no_other(place: Place) -> None:
    long = {**RECORD.config, "train": {**RECORD.config["train"], "max_updates": 100_000}}
    run = place(long, RECORD.config)
    is_asked = False
    work = Worker(run, device="cpu", num_threads=1, keep="none", test=False, is_preempted=lambda: is_asked)
    work.begin(0, 1)
    work.advance()
    is_asked = True
    with pytest.raises(PreemptedError, match="was asked to leave"):
        deque(iter(work.advance, None), maxlen=0)
    saved = Snapshot.load(run.trial(0).checkpoint, torch.device("cpu"))
    assert saved is not None
    last = list(read_history(run.trial(0).history))[-1]
    assert saved.progress.update == last.update
    with pytest.raises(PreemptedError):
        work.begin(1, 1)
    assert not run.trial(1).history.exists()


def test_a_worker_hears_of_it_however_close_its_evaluations_are(place: Place) -> None:
    train = {**RECORD.config["train"], "max_updates": 100_000, "evaluate_every": 1}
    is_asked = False
    work = Worker(
        place({**RECORD.config, "train": train}),
        device="cpu", num_threads=1, keep="none", test=False, is_preempted=lambda: is_asked,
    )  # fmt: skip
    work.begin(0, 1)
    work.advance()
    is_asked = True
    with pytest.raises(PreemptedError):
        deque(iter(work.advance, None), maxlen=0)


def test_sigterm_is_remembered_and_ends_a_process_that_does_not_go() -> None:
    hangs = (
        "import os, signal\n"
        "from failmap.search.trial.preemption import Leave\n"
        "leave = Leave(grace_seconds=1)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print(leave.is_asked, flush=True)\n"
        "while True: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hangs], cwd=Path(__file__).parents[2], capture_output=True, check=False
    )
    assert (done.stdout, done.returncode) == (b"True\n", -signal.SIGALRM)


def test_a_gpu_that_a_trial_has_broken_ends_the_process(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = torch.AcceleratorError("CUDA error: device-side assert triggered")
    work = worker(place())
    monkeypatch.setattr(TrialSession, "advance", raises(broken))
    work.begin(0, 1)
    with pytest.raises(BrokenDeviceError, match="device-side assert"):
        work.advance()


def test_a_host_without_memory_is_no_storage_that_fails(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrialSession, "advance", raises(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))))
    result, summary = ended(worker(place()))
    assert (result["fault"], result["ended_by"], summary.outcome) == (None, "out_of_memory", "errored")


#: A network of 8,000 units has 1 GB of weights, in a process that may take 400 MB more than it has.
TOO_LARGE = {**RECORD.config, "model": {**RECORD.config["model"], "hidden_size": 8_000}}

WITH_LITTLE_MEMORY = """
import sys
from pathlib import Path
from failmap.run_folder.paths import RunFolder
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


def test_a_trial_that_wants_too_much_memory_is_errored_with_its_size_and_the_next_one_runs(
    place: Place,
) -> None:
    run = place(TOO_LARGE, RECORD.config)
    done = subprocess.run(
        [sys.executable, "-c", WITH_LITTLE_MEMORY, str(run.path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    (first, summary), (second, after) = (line.split(" ", 1) for line in done.stdout.splitlines())
    assert (first, json.loads(summary)["outcome"]) == ("out_of_memory", "errored")
    size = "batch 4 x length 4, lstm of 8000 units, depth 1"
    assert json.loads(summary)["reason"].startswith(f"out of memory at {size}: RuntimeError: ")
    assert (second, json.loads(after)["outcome"]) == ("None", "failed")
