"""All loaders of files, each with a valid file.

`offer` feeds a content, such as `benchmarks.chaos.corruption` draws, to one of the `LOADERS`. Used by
`benchmarks.chaos.bad_inputs` and tests/security.
"""

import gzip
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import pandas as pd
import torch
from safetensors.torch import save

from failmap.analysis.html_report.page import render
from failmap.analysis.interventions.comparisons import rescue_comparisons
from failmap.analysis.interventions.summary import rescue_csv
from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.analysis.markdown import as_markdown
from failmap.analysis.reporting import cell_rows
from failmap.analysis.table import safe_csv
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.prepare import prepare
from failmap.datasets.idx import read_idx
from failmap.run_folder.errors import UserError, unprintable
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.run_folder.records import Evaluation, Intervention, Summary, TrialRecord
from failmap.run_folder.storage.local import LocalFiles
from failmap.run_folder.storage.object_logs import read_segments
from failmap.search.journal.log import open_log, read_trials
from failmap.search.lease import driver_of
from failmap.search.lease_terms import Owner
from failmap.search.loading import from_yaml, load, to_yaml
from failmap.search.run_status import read_run_status
from failmap.search.terminal.run_list import as_json, line_of
from failmap.search.trial.checkpoint import Snapshot, stored_weights
from failmap.search.trial.criterion import Progress
from failmap.search.trial.history import current_attempt

Verdict = Literal["accepted", "refused"]

SPACE = """question: Does it learn?
task: parity
model: lstm
map: {x: task.sequence_length, y: model.depth}
axes:
  task.sequence_length: [2, 3]
  model.depth: [1, 2]
  train.learning_rate: {low: 1e-4, high: 1e-1, log: true, default: 3e-3}
fixed: {train.max_updates: 100}
"""


@dataclass(frozen=True)
class Loader:
    """A kind of file that a program reads.

    Attributes:
        name: name of the kind.
        file: path relative to the folder that `read` gets.
        valid: makes a valid content.
        read: reads it as the programs do; raises UserError or TaskError if it is invalid.
        prepare: writes the files that must exist beside it.
    """

    name: str
    file: str
    valid: Callable[[], bytes]
    read: Callable[[Path], object]
    prepare: Callable[[Path], None] = lambda folder: None


def offer(loader: Loader, folder: Path, content: bytes) -> Verdict:
    """Let a loader read a content. Any exception other than an error for the user is a bug of the loader."""
    path = folder / loader.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        loader.read(folder)
    except (UserError, TaskError) as error:
        problems = UserError(str(error)).problems if isinstance(error, TaskError) else error.problems
    else:
        return "accepted"
    assert all(problems), "an empty problem"
    assert not any(map(unprintable, problems)), problems
    return "refused"


def write_run(folder: Path) -> None:
    """Write a complete run: a trial that learned, one that failed, a fix for it, and an unfinished one."""
    run = RunFolder(folder)
    for name, content in RUN_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content())
    assert run.config.exists()


def _record(number: int) -> bytes:
    outcome: Any = ("learned", "failed", "failed", None)[number]
    summary = Summary(
        outcome, "update budget spent", updates=100, seconds=1.0, score=0.1, best_score=0.2, target_score=0.9,
        metric="accuracy", chance_metric=0.5, target_metric=0.95, chance_loss=0.7, loss_floor=0.0,
        partial_solutions=[{"name": "half of it", "metric": 0.7, "loss": 0.3}], num_parameters=100, host="h",
        first_nonfinite={"tensor": "layers.0", "update": 3} if outcome == "failed" else None,
    )  # fmt: skip
    record = TrialRecord(
        number=number,
        attempt=1,
        config={
            "task": {"name": "parity", "sequence_length": 2},
            "model": {"name": "lstm", "depth": 1, "hidden_size": 8},
            "output": {"activation": "none", "loss": "mse", "target_range": "task"},
            "train": {"learning_rate": 3e-3, "max_updates": 100, "optimizer": "adam"},
        },
        cell={"task.sequence_length": 2, "model.depth": 1},
        recipe={"train.learning_rate": 3e-3},
        recipe_index=0,
        purpose="intervene" if number == 2 else "default",
        seed=number % 2,
        started="2026-01-01T00:00:00+00:00",
        ended=None if outcome is None else "2026-01-01T00:01:00+00:00",
        summary=None if outcome is None else summary,
        intervention=Intervention("rescue", "clip_norm", {"train.clip_norm": 1.0}, 0, "exploding_gradient")
        if number == 2
        else None,
    )
    return record.to_json().encode()


def _history() -> bytes:
    layers = {"layers.0": 0.1, "readout": 0.2}
    signals = {
        "learning_rate": 3e-3, "gradient_norm": 0.1, "gradient_norm_by_layer": layers, "loss_max": 0.9,
        "gradient_norm_by_step": [0.1, None], "gradient_steps": [0, 1], "gradient_missing": ["layers.0.bias"],
        "saturation_by_layer": {"layers.0": {"forget": 0.5}}, "spread_by_layer": layers, "label_signal": 0.1,
        "outputs": {"least": -1.0, "largest": 1.0, "mean": 0.0, "spread": 0.5}, "epoch": 2.0,
        "losses": {"mean_squared_error": 0.2, "cross_entropy": 0.7}, "unmoved_parameters": ["layers.0.bias"],
    }  # fmt: skip
    lines = [
        Evaluation(10 * step, 0.1 * step, 0.7 / step, 0.7, 0.5, 0.01, signals).to_line()
        for step in range(1, 6)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


@cache
def _config() -> bytes:
    arguments = ["space=smoke", "task=parity", "run=run", "task.sequence_length=2,3", "model.depth=1,2"]
    return to_yaml(load(arguments)).encode()


def _provenance() -> bytes:
    session = {
        "command": ["python", "-m", "search.run", "space=smoke"], "code": "c0de",
        "versions": {"torch": "2.13"}, "ended": None,
        "files": {"my.npz": {"bytes": 3, "blake2b": "00"}}, "started": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return json.dumps({"codes": {"c0de": {"revision": "abc"}}, "sessions": [session]}).encode()


def _causes() -> bytes:
    suspicion = {
        "cause": "too_slow", "confidence": 0.5, "rule": "slow",
        "evidence": [{"told": "it rises", "values": {"slope": 0.1}, "layer": None, "update": 3}],
    }  # fmt: skip
    lines = [
        {"number": number, "verdict": suspicion, "runners_up": [suspicion], "level": "at chance",
         "level_told": "", "key": "0" * 24}
        for number in range(3)
    ]  # fmt: skip
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def _state() -> bytes:
    tensors = {"model.weight": torch.zeros(2, 2)}
    return save(tensors, {"progress": json.dumps(Progress().__dict__)})


#: Content of every file of a run, by its path.
RUN_FILES: dict[str, Callable[[], bytes]] = {
    "config.yaml": _config,
    "provenance.json": _provenance,
    "costs.json": lambda: (
        b'[{"cell": {"task.sequence_length": 2, "model.depth": 1}, "seconds_per_trial": 3.0}]'
    ),
    "causes.jsonl": _causes,
    **{f"trials/{number}/record.json": lambda number=number: _record(number) for number in range(4)},
    **{f"trials/{number}/history.jsonl": _history for number in range(4)},
}


def _read_run(folder: Path) -> object:
    """Do what a report does, except for the picture, which takes as long as a hundred inputs."""
    run = load_run(RunFolder(folder))
    failure_map = build_map(run)
    run.table.to_csv()
    rescue_csv(run, rescue_comparisons(run))
    return safe_csv(cell_rows(failure_map)), render(run, failure_map), as_markdown(run, failure_map)


def _read_status(folder: Path) -> object:
    status = read_run_status(RunFolder(folder), 0.0)
    as_json([status])
    if status.state == "unreadable":
        raise UserError(status.problem)
    return line_of(status)


def _read_group(kind: str) -> Callable[[Path], object]:
    others = [] if kind == "space" else ["space=smoke"]
    return lambda folder: load([f"{kind}={folder / f'{kind}.yaml'}", "run=run", *others])


def _read_arguments(folder: Path) -> object:
    text = (folder / "arguments").read_bytes().decode("utf-8", "surrogateescape")
    return load(text.split("\n"))


def _read_arrays(suffix: str) -> Callable[[Path], object]:
    return lambda folder: prepare(ArrayFileConfig(path=str(folder / f"my{suffix}")))


def _read_checkpoint(folder: Path) -> object:
    return Snapshot.load(folder, torch.device("cpu"))


def _read_weights(folder: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(stored_weights("run/0", folder))
    except SafetensorError as error:
        raise UserError(str(error)) from None


@cache
def _arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    return {"inputs": random.normal(size=(200, 3, 2)) + labels[:, None, None], "targets": labels}


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **_arrays())
    return buffer.getvalue()


def _frame() -> pd.DataFrame:
    arrays = _arrays()
    rows = arrays["inputs"].reshape(-1, 2).round(3)
    columns = {"sequence": np.repeat(np.arange(200), 3), "a": rows[:, 0], "b": rows[:, 1]}
    return pd.DataFrame({**columns, "target": np.repeat(arrays["targets"], 3)})


def _parquet() -> bytes:
    buffer = io.BytesIO()
    _frame().to_parquet(buffer)
    return buffer.getvalue()


def _journal() -> bytes:
    """Return the journal of a study with two trials."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.log"
        study = optuna.create_study(
            storage=open_log(path, "run", _ignore, lambda: None).storage, study_name="run"
        )
        for _ in range(2):
            study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).set_user_attr("seed", 1)
        return path.read_bytes()


def _ignore(line: str) -> None:
    """Ignore a notice."""


def _read_log(folder: Path) -> object:
    try:
        return open_log(folder / "journal.log", "run", _ignore, lambda: None)
    except OSError as error:
        raise UserError(str(error)) from None


def _segment() -> bytes:
    head = {"segment": 1, "after_bytes": 0, "writer": "0" * 16}
    return json.dumps(head).encode() + b"\n" + _journal()


def _read_segments(folder: Path) -> object:
    return read_segments(LocalFiles(), folder / "journal.log")


def _term() -> bytes:
    return json.dumps({**asdict(Owner.this_process()), "token": "0" * 16, "beat": 3}).encode()


def _idx() -> bytes:
    return bytes((0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3))


def _read_idx(folder: Path) -> object:
    return read_idx(folder / "labels", ())


LOADERS = (
    *(
        Loader(name.rpartition("/")[2], name, content, _read_run, write_run)
        for name, content in RUN_FILES.items()
        if "trials" not in name or "/1/" in name
    ),
    Loader("fix's record.json", "trials/2/record.json", lambda: _record(2), _read_run, write_run),
    Loader("config.yaml, resumed", "config.yaml", _config, lambda folder: from_yaml(folder / "config.yaml")),
    Loader("space", "space.yaml", SPACE.encode, _read_group("space")),
    Loader("budget", "budget.yaml", b"{minutes: 3, seeds: 4, recipes: 2}".strip, _read_group("budget")),
    Loader("cluster", "cluster.yaml", b"{address: local, cpus: 2}".strip, _read_group("cluster")),
    Loader(
        "arguments",
        "arguments",
        b"space=smoke\nmodel.depth=1,2\nbudget.minutes=3\nrun=run".strip,
        _read_arguments,
    ),
    Loader("journal", "journal.log", _journal, _read_log),
    Loader("journal, merged", "journal.log", _journal, lambda folder: read_trials(RunFolder(folder).journal)),
    Loader("journal's segment", "journal.log/000001.jsonl", _segment, _read_segments),
    Loader("lock", "drivers/1.json", _term, lambda folder: driver_of(RunFolder(folder))),
    Loader("status", "trials/1/record.json", lambda: _record(1), _read_status, write_run),
    Loader("idx", "labels", _idx, _read_idx),
    Loader("idx, packed", "labels.gz", lambda: gzip.compress(_idx(), mtime=0), _read_idx),
    Loader("attempt", "attempt", b"3\n".lower, lambda folder: current_attempt(TrialFolder(folder))),
    Loader("checkpoint", "state.safetensors", _state, _read_checkpoint),
    Loader("weights", "run/trials/0/weights.safetensors", _state, _read_weights),
    Loader("npz", "my.npz", _npz, _read_arrays(".npz")),
    Loader("csv", "my.csv", lambda: _frame().to_csv(index=False).encode(), _read_arrays(".csv")),
    Loader("parquet", "my.parquet", _parquet, _read_arrays(".parquet")),
)
