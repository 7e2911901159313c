"""Drivers that join a cluster of two nodes."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder
from tests.search.long_runs import ENDLESS, PATIENCE_SECONDS

Start = Callable[..., subprocess.Popen[str]]
SHORT = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=5",
    "model.depth=1",
    "model.hidden_size=8",
    "train.max_updates=20",
    "train.evaluate_every=10",
    "budget.seeds=3",
    "budget.max_seeds=3",
    "run=joined",
    "cluster=ray",
)

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.xdist_group("cluster")]


def test_trials_run_where_they_fit(two_nodes: Any, driver: Start, tmp_path: Path) -> None:
    """`special` is on the second node only; it gets our code, and its trials see the run folder."""
    search = driver(
        *SHORT,
        f"storage={tmp_path}",
        f"cluster.address={two_nodes.address}",
        "cluster.resources_per_trial.special=0.5",
        "cluster.memory_per_trial=0.5",
        **two_nodes.environment(),
    )
    output, _ = search.communicate(timeout=PATIENCE_SECONDS)
    assert search.returncode == 0, output
    records = load_run(RunFolder(tmp_path / "joined")).records
    outcomes = [record.summary and record.summary.outcome for record in records]
    assert outcomes == ["failed"] * 3, output
    assert not list((tmp_path / "joined").glob(".seen-by-nodes-*"))


def test_trial_too_large_for_every_node(two_nodes: Any, driver: Start, tmp_path: Path) -> None:
    """The cluster has three CPUs, but on no single node."""
    search = driver(
        *SHORT,
        "cluster.cpus_per_trial=3",
        f"storage={tmp_path}",
        f"cluster.address={two_nodes.address}",
        **two_nodes.environment(),
    )
    output, _ = search.communicate(timeout=PATIENCE_SECONDS)
    assert search.returncode == 2, output
    assert "no node holds a trial of 3 CPUs: the largest of 2 has 2 CPUs" in output


def test_lost_head_ends_the_driver(two_nodes: Any, driver: Start, tmp_path: Path) -> None:
    """The last test on this cluster: it kills the head, with the other node alive."""
    search = driver(
        *ENDLESS,
        "run=joined",
        "cluster=ray",
        f"storage={tmp_path}",
        f"cluster.address={two_nodes.address}",
        "cluster.head_lost_seconds=3",
        **two_nodes.environment(),
    )
    assert search.stdout is not None
    for line in search.stdout:
        if "running" in line:
            break
    for process in two_nodes.head:
        os.kill(process, signal.SIGKILL)
    output, _ = search.communicate(timeout=PATIENCE_SECONDS)
    assert search.returncode == 2, output
    errors = [line for line in output.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, output
    assert "the cluster is lost" in errors[0]
    assert f"python -m search.resume run=joined storage={tmp_path}" in errors[0]
