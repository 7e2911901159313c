"""A driver that joins a cluster of two nodes: let in, refused, and left alone."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.load import load_run
from analysis.records import RunFolder

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

pytestmark = pytest.mark.ray


def test_trials_run_where_they_fit(two_nodes: object, driver: Start, tmp_path: Path) -> None:
    """`special` is on the second node only; it gets our code, and its trials see the run folder."""
    search = driver(
        *SHORT,
        f"storage={tmp_path}",
        f"cluster.address={two_nodes.address}",
        "cluster.resources_per_trial.special=0.5",
        "cluster.memory_per_trial=0.5",
        **two_nodes.environment(),
    )
    output, _ = search.communicate(timeout=150)
    assert search.returncode == 0, output
    records = load_run(RunFolder(tmp_path / "joined")).records
    assert [record.summary.outcome for record in records] == ["failed"] * 3, output
    assert not list((tmp_path / "joined").glob(".seen-by-nodes-*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cluster.cpus_per_trial=3"], "no node holds a trial of 3 CPUs: the largest of 2 has 2 CPUs"),
        (["cluster.gpus_per_trial=1.5"], "must be a whole number"),
    ],
)
def test_what_no_node_holds_is_refused(
    two_nodes: object, driver: Start, tmp_path: Path, words: list[str], message: str
) -> None:
    search = driver(
        *SHORT,
        *words,
        f"storage={tmp_path}",
        f"cluster.address={two_nodes.address}",
        **two_nodes.environment(),
    )
    output, _ = search.communicate(timeout=100)
    assert (search.returncode, message in output) == (2, True), output
