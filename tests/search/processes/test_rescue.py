"""Rescue and ablation as a user starts them, over one run, with real processes."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.config import RunConfig
from failmap.search.loading import load, to_yaml
from failmap.search.study import Study
from failmap.search.worker import Worker
from tests.search.processes.conftest import Driver, ended, history, records
from tests.search.processes.undisturbed import train_again

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.xdist_group("ray")]

Start = Callable[..., Driver]


def interventions(folder: RunFolder) -> list[TrialRecord]:
    return [record for record in records(folder) if record.intervention is not None]


def search_in_this_process(config: RunConfig, folder: RunFolder) -> None:
    """The map's own trials, one after the other, without a Ray."""
    study = Study.open(config, folder, print)
    write_atomically(folder.config, to_yaml(config))
    worker = Worker(folder, device="cpu", num_threads=1, keep="none", test=False)
    while (begun := study.ask()) is not None:
        worker.begin(begun.number, begun.attempt)
        result = worker.advance()
        while not result["done"]:
            result = worker.advance()
        study.tell(begun.number, Summary(**json.loads(result["summary"])))
    study.close()


def test_stopped_rescue_resumes_then_ablation(start: Start, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "tiny")
    where = (f"storage={tmp_path}", "run=tiny")
    search_in_this_process(load(["space=smoke", "model.depth=1", "cluster.cpus=2", *where]), folder)
    before, config = ended(folder), folder.config.read_bytes()

    planned = start("search.rescue", *where, "plan=true")
    assert planned.end() == 0, planned.output
    assert "Nothing was started" in planned.output
    assert ended(folder) == before

    rescue = start("search.rescue", *where, "seeds=4", "budget.minutes=30")
    rescue.wait_for(lambda: len(ended(folder)) > len(before))
    rescue.process.send_signal(signal.SIGINT)
    assert rescue.end() == 130, rescue.output
    assert "Traceback" not in rescue.output
    assert f"python -m search.rescue storage={tmp_path} run=tiny seeds=4 budget.minutes=30" in rescue.output

    again = start("search.rescue", *where, "seeds=4", "budget.minutes=30")
    assert again.end() == 0, again.output
    assert "1 of 1 case done" in again.output
    assert "vanishing_in_time" in again.output
    assert before.items() <= ended(folder).items()
    assert folder.config.read_bytes() == config, "a session's limits are not the run's"

    tried = {
        (one.intervention.kind, one.intervention.name) for one in interventions(folder) if one.intervention
    }
    assert {("rescue", "chrono"), ("donor", "start_shorter"), ("rescue", "start_shorter")} <= tried
    keys = [(one.intervention, one.seed, str(one.cell)) for one in interventions(folder)]
    assert all(keys.count(key) == 1 for key in keys)
    assert "errored" not in ended(folder).values()
    undisturbed = RunFolder(tmp_path / "again")
    numbers = [
        record.number
        for record in interventions(folder)
        if record.intervention and record.intervention.name in ("chrono", "start_shorter")
    ]
    train_again(folder, undisturbed, numbers)
    for number in numbers:
        assert history(folder, number) == history(undisturbed, number), number

    ablation = start("search.ablate", *where, "trial=0", "seeds=1", "budget.trials=2")
    assert ablation.end() == 0, ablation.output
    assert "Trial 0" in ablation.output
    assert "half the width" in ablation.output

    status = start("search.status", *where)
    assert status.end() == 0
    assert "12 trials: 6 learned, 6 failed" in status.output
    assert f"{len(interventions(folder))} interventions: " in status.output
