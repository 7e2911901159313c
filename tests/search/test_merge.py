"""Merging runs: the same trials, unchanged sources, and refusals."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.reporting import build
from failmap.run_folder.errors import UserError
from failmap.run_folder.own_code import OwnCode
from failmap.run_folder.own_copies import note_of, read_copy, store_copy
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.provenance import own_code_of
from failmap.run_folder.records import Intervention, Origin, Summary, TrialRecord
from failmap.run_folder.storage import AnyPath
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.commands.merge import merge, merge_runs, read_merge
from failmap.search.commands.reporting import report
from failmap.search.config import RunConfig
from failmap.search.lease import acquire_lease
from failmap.search.loading import from_yaml, to_yaml
from failmap.search.provenance import begin_session, end_session
from failmap.search.space import Cell
from failmap.search.study import Study
from failmap.search.trial.config import TrialConfig
from failmap.search.worker import Worker

BASE = {
    "task": {"name": "adding", "test_size": 64},
    "model": {"name": "lstm", "hidden_size": 4},
    "train": {"max_updates": 4, "evaluate_every": 2, "batch_size": 4},
}
AXES = [
    {"path": "task.sequence_length", "values": [3, 4]},
    {"path": "model.depth", "values": [1, 2]},
    {"path": "train.learning_rate", "values": [1e-2, 1e-3]},
]


def config_of(name: str, **words: Any) -> RunConfig:
    space = {
        "name": "tiny",
        "map": {"x": "task.sequence_length", "y": "model.depth"},
        "axes": AXES,
        "base": words.pop("base", BASE),
    }
    budget = words.pop("budget", {"seeds": 1, "max_seeds": 1, "recipes": 2})
    return RunConfig.model_validate({"run": name, "space": space, "budget": budget, **words})


class Machine:
    """A machine that runs trials into its own storage, in this process."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage

    def folder(self, name: str) -> RunFolder:
        return RunFolder(self.storage / name)

    def run(self, name: str, *, num_trials: int = 1000, leave: int | None = None, **words: Any) -> RunFolder:
        """Train up to `num_trials` trials; trial number `leave` is stopped after an evaluation."""
        config, folder = config_of(name, **words), self.folder(name)
        self.go_on(config, folder, num_trials=num_trials, leave=leave)
        return folder

    def go_on(
        self, config: RunConfig, folder: RunFolder, *, num_trials: int = 1000, leave: int | None = None
    ) -> list[int]:
        """Continue an existing run, and return the numbers of the trials that were started."""
        study = Study.open(config, folder, lambda line: None)
        folder.config.write_text(to_yaml(config))
        begin_session(folder, ["python", "-m", "search.run", "space=tiny"])
        worker = Worker(folder, device="cpu", num_threads=1, keep=config.keep, test=False)
        started: list[int] = []
        while len(started) < num_trials and (start := study.ask()) is not None:
            started.append(start.number)
            worker.begin(start.number, start.attempt)
            result = worker.advance()
            study.report(start.number, result["update"], result["score"])
            if start.number == leave:
                folder.stop.touch()
                result = worker.advance()
                folder.stop.unlink()
                study.requeue(start.number)
                break
            while not result["done"]:
                result = worker.advance()
                study.report(start.number, result["update"], result["score"])
            study.tell(start.number, Summary.from_dict(json.loads(result["summary"])))
        study.close()
        end_session(folder)
        return started


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "runs")


def merged(machine: Machine, *words: str) -> list[str]:
    return merge_runs(read_merge([f"storage={machine.storage}", *words]), ["python", "-m", "search.merge"])


def refusals(machine: Machine, *words: str) -> str:
    with pytest.raises(UserError) as error:
        merged(machine, *words)
    return "\n".join(error.value.problems).replace(f"{machine.storage}/", "")


def trial_key(record: TrialRecord) -> tuple[Any, ...]:
    intervention = record.intervention
    return (*record.cell.values(), record.recipe_index, record.seed, intervention and intervention.name)


def trials(folder: RunFolder) -> Mapping[tuple[Any, ...], Any]:
    """Return the configuration, outcome and history of every trial, without times and numbers."""
    found = {}
    for record in load_run(folder).records:
        lines = folder.trial(record.number).history.read_text().splitlines()
        history = [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]
        summary = record.summary and replace(record.summary, seconds=0.0)
        found[trial_key(record)] = (record.config, record.purpose, repr(summary), history)
    return found


def content(folder: RunFolder) -> dict[str, bytes]:
    path = Path(str(folder.path))
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_own_code_of_all_sources_is_copied(machine: Machine, tmp_path: Path) -> None:
    codes = []
    for index in (1, 2):
        folder = machine.run(f"map.{index}of2", shard=f"{index}/2")
        codes.append(OwnCode("my_net.py", tmp_path / "my_net.py", {"my_net.py": f"# {index}".encode()}))
        store_copy(codes[-1], folder.own_code)
        begin_session(folder, ["run"], own_code=[note_of(codes[-1], ["Net"])])
    merged(machine, "run=map")
    folder = machine.folder("map")
    (note,) = own_code_of(folder.provenance).values()
    assert read_copy(note, folder.own_code) in codes
    copies = {(folder.own_code / code.digest / "my_net.py").read_bytes() for code in codes}
    assert copies == {b"# 1", b"# 2"}


def test_shards_become_the_whole_run(machine: Machine) -> None:
    whole = machine.run("whole")
    shards = [machine.run(f"map.{i}of2", shard=f"{i}/2", keep="all") for i in (1, 2)]
    before = [content(folder) for folder in shards]
    lines = merged(machine, "run=map")
    assert [content(folder) for folder in shards] == before
    assert lines[0].endswith("8 trials, 0 of them unfinished, in 4 of 4 cells")
    map_folder = machine.folder("map")
    assert trials(map_folder) == trials(whole)
    config = from_yaml(Path(str(map_folder.config)))
    assert (config.run, config.shard, config.keep) == ("map", None, "all")
    first = load_run(map_folder).records[0]
    assert first.origin in (Origin("map.1of2", 0), Origin("map.2of2", 0))
    assert first.origin is not None
    source = machine.folder(first.origin.run).trial(first.origin.number)
    weights = "weights.safetensors"
    assert (map_folder.trial(0).path / weights).read_bytes() == (source.path / weights).read_bytes()
    provenance = json.loads(map_folder.provenance.read_text())
    assert [one.get("run") for one in provenance["sessions"]] == ["map.1of2", "map.2of2", None]
    assert machine.go_on(config, map_folder) == [], "nothing is left to do"


def test_order_of_arguments_does_not_matter(machine: Machine) -> None:
    for i in (1, 2, 3):
        machine.run(f"map.{i}of3", shard=f"{i}/3")
    merged(machine, "run=map.3of3,map.1of3,map.2of3", "into=a")
    merged(machine, "run=map", "into=b")
    records = [load_run(machine.folder(name)).records for name in "ab"]
    assert records[0] == records[1]
    assert [trial_key(record)[:3] for record in records[0]] == [
        (length, depth, recipe) for length, depth in ((3, 1), (4, 1), (3, 2), (4, 2)) for recipe in (0, 1)
    ]


def test_missing_shard_and_second_merge(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other")
    for i, place in ((1, machine), (3, machine), (2, other)):
        place.run(f"map.{i}of3", shard=f"{i}/3")
    lines = merged(machine, "run=map", "into=part")
    assert lines[1].startswith("missing: map.2of3")
    lines = merged(machine, "run=part,map.2of3", f"from={other.storage}", "into=all")
    assert "in 4 of 4 cells" in lines[0]
    assert not any(line.startswith("missing") for line in lines[1:] if "map.1of3" not in line)
    assert {record.origin.run for record in load_run(machine.folder("all")).records if record.origin} == {
        "map.1of3",
        "map.2of3",
        "map.3of3",
    }


def test_unfinished_trial_continues_from_its_checkpoint(machine: Machine) -> None:
    """Its history is that of a trial that was never interrupted, bit for bit."""
    whole = machine.run("whole")
    machine.run("map.1of2", shard="1/2", leave=1)
    machine.run("map.2of2", shard="2/2")
    assert "1 of them unfinished" in merged(machine, "run=map")[0]
    folder = machine.folder("map")
    (left,) = (record for record in load_run(folder).records if record.summary is None)
    assert (folder.trial(left.number).checkpoint / "state.safetensors").exists()
    started = machine.go_on(from_yaml(Path(str(folder.config))), folder)
    assert started[0] == left.number
    assert trials(folder) == trials(whole)


def test_longer_version_of_a_trial_wins(machine: Machine) -> None:
    a = machine.run("a", leave=2)
    b = machine.run("b", num_trials=5)
    lines = merged(machine, "run=b,a", "into=both")
    assert lines[1].startswith("3 trials were in two runs")
    assert trials(machine.folder("both")) == trials(b)
    assert len(trials(a)) == 3


def changed(**settings: Any) -> dict[str, Any]:
    return {**BASE, "train": {**BASE["train"], **settings}}


def tear_history(folder: RunFolder) -> None:
    path = Path(str(folder.trial(0).history))
    lines = path.read_text().splitlines()
    values = json.loads(lines[0])
    path.write_text("\n".join([json.dumps({**values, "score": values["score"] / 2}), *lines[1:], ""]))


def test_incompatible_runs(machine: Machine) -> None:
    machine.run("a", num_trials=2)
    machine.run("seed", num_trials=1, seed=5)
    machine.run("longer", num_trials=1, base=changed(max_updates=6))
    machine.run("sampler", num_trials=1, sampler="sobol")
    for name in ("history", "driven", "torn"):
        machine.run(name, num_trials=2)
    tear_history(machine.folder("history"))
    torn = Path(str(machine.folder("torn").journal))
    torn.write_text("{not JSON\n" + torn.read_text())
    lease = acquire_lease(machine.folder("driven"), lambda line: None)
    try:
        for name, problem in {
            "seed": "seed is another run than a: seed: 0 -> 5",
            "longer": "longer is another run than a: train.max_updates: 4 -> 6",
            "sampler": "sampler is another run than a: sampler: grid -> sobol",
            "history": "a/0 and history/0 are the same trial "
            "(task.sequence_length=3 model.depth=1, recipe 0, seed 0), with other histories",
            "driven": "driven is driven by process",
            "torn": "torn/journal.log, line 1 is corrupt",
        }.items():
            assert problem in refusals(machine, f"run=a,{name}", "into=new")
        every = refusals(machine, "run=a,seed,longer,driven,torn", "into=new")
        assert every.count("is another run") == 2
        assert "driven by" in every
        assert "corrupt" in every
    finally:
        lease.release()
    assert sorted(path.name for path in machine.storage.glob("*new*")) == []


def test_duplicate_shard(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other")
    for place in (machine, other):
        place.run("map.1of2", shard="1/2", num_trials=1)
    assert "shard 1 of 2 occurs more than once" in refusals(machine, "run=map", f"from={other.storage}")


ARGUMENTS = {
    "run=nap": "run=nap: no such run, and no shard of it, in runs; did you mean map?",
    "run=map": "map.1of2 is the only one in runs: name the folder of the others by from=FOLDER",
    "run=a,b": "into=NAME is missing: the name of the merged run",
    "run=map into=map.1of2": "into=map.1of2: this form of name is for shards",
    "run=map into=../x": "into=../x: a run's name is letters, digits",
    "run=map form=x": "unknown key 'form'; did you mean from?",
    "run=map,map.1of2 into=taken": "taken exists already: give the merged run another name by into=NAME",
}


@pytest.mark.parametrize(("arguments", "problem"), ARGUMENTS.items(), ids=ARGUMENTS)
def test_invalid_arguments(machine: Machine, arguments: str, problem: str) -> None:
    machine.folder("map.1of2").path.mkdir(parents=True)
    Path(str(machine.folder("map.1of2").config)).touch()
    Path(str(machine.folder("taken").path)).mkdir()
    assert problem in refusals(machine, *arguments.split()).replace(str(machine.storage), "runs")


def test_budgets_and_machines_may_differ(machine: Machine) -> None:
    budgets = [{"seeds": 1, "max_seeds": 1, "minutes": minutes, "trials": 3} for minutes in (5, 10)]
    for i, budget in enumerate(budgets, start=1):
        machine.run(f"map.{i}of2", shard=f"{i}/2", budget=budget, cluster={"cpus": i})
    merged(machine, "run=map")
    budget = from_yaml(Path(str(machine.folder("map").config))).budget
    assert (budget.minutes, budget.trials, budget.recipes) == (10, 6, 1)


def test_failed_merge_leaves_nothing(machine: Machine) -> None:
    """A disk that cannot take one file, here for the length of its name, after others were copied."""
    for i in (1, 2):
        machine.run(f"map.{i}of2", shard=f"{i}/2", num_trials=1)
    broken = Path(str(machine.folder("map.2of2").trial(0).path)) / ("x" * 255)
    broken.touch()
    before = sorted(machine.storage.rglob("*"))
    assert "cannot copy" in refusals(machine, "run=map")
    assert sorted(machine.storage.rglob("*")) == before


class OneJob:
    """An agenda of one trial."""

    def __init__(self, job: NextTrial) -> None:
        self.jobs = [job]

    def begin(self, note: KnownTrial) -> None:
        if note.intervention == self.jobs[-1].intervention:
            self.jobs = [self.jobs[-1], *self.jobs]

    def end(self, note: KnownTrial, outcome: Any, score: float) -> None:
        """Nothing follows from it."""

    def next(self) -> NextTrial | None:
        return self.jobs[0] if len(self.jobs) == 1 else None


def intervene(machine: Machine, folder: RunFolder, number: int, **changes: Any) -> None:
    """Start an intervention on a trial, and leave it unfinished."""
    config = from_yaml(Path(str(folder.config)))
    base = next(record for record in load_run(folder).records if record.number == number)
    values = {**base.config, "model": {**base.config["model"], **changes}}
    cell = Cell(tuple(base.cell.items()))
    intervention = Intervention(
        "ablation", "other_model", {f"model.{k}": v for k, v in changes.items()}, number
    )
    trial = TrialConfig.model_validate(values)
    job = NextTrial(cell, base.recipe_index, {"train.learning_rate": 1e-2}, "intervene", trial, intervention)
    study = Study.open(config, folder, lambda line: None, allocation=OneJob(job))
    start = study.ask()
    assert start is not None
    study.requeue(start.number)
    study.close()


def test_interventions_are_renumbered(machine: Machine) -> None:
    shards = [machine.run(f"map.{i}of2", shard=f"{i}/2", keep="all") for i in (1, 2)]
    intervene(machine, shards[1], 1, layer_norm=True)
    intervene(machine, shards[0], 0, start_from="map.1of2/2")
    merged(machine, "run=map")
    records = {record.number: record for record in load_run(machine.folder("map")).records}
    changed_ones = [record for record in records.values() if record.intervention is not None]
    assert len(changed_ones) == 2
    for record in changed_ones:
        assert record.intervention is not None
        assert record.origin is not None
        base = records[record.intervention.base]
        assert (base.cell, base.seed, base.purpose == "intervene") == (record.cell, record.seed, False)
        weights = record.config["model"]["start_from"]
        if weights is not None:
            assert record.intervention.changes == {"model.start_from": weights}
            run, _, number = weights.partition("/")
            assert (run, records[int(number)].origin) == ("map", Origin("map.1of2", 2))


def test_the_map_of_a_merged_run(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    for i in (1, 2):
        machine.run(f"map.{i}of2", shard=f"{i}/2")
    with pytest.raises(UserError, match=r"python -m search\.merge run=map\.1of2,map\.2of2 .* into=NAME"):
        report(["run=map.1of2,map.2of2", f"storage={machine.storage}"])
    assert merge(["run=map", f"storage={machine.storage}"]) == 0
    assert "merged 2 runs" in capsys.readouterr().out
    made = build(machine.folder("map"))
    assert made.failure_map.num_elsewhere == 0
    assert made.failure_map.states["not_run"] == 0
    assert made.failure_map.outcomes["failed"] + made.failure_map.outcomes["learned"] == 8


def test_merge_across_object_stores(machine: Machine, s3_storage: AnyPath) -> None:
    whole = machine.run("whole")
    for i in (1, 2, 3):
        machine.run(f"map.{i}of3", shard=f"{i}/3", leave=0 if i == 1 else None)
    words = ["run=map.1of3,map.2of3", f"storage={s3_storage}", f"from={machine.storage}", "into=part"]
    merge_runs(read_merge(words), ["python", "-m", "search.merge"])
    assert "in 4 of 4 cells" in merged(machine, "run=part,map.3of3", f"from={s3_storage}", "into=all")[0]
    folder = machine.folder("all")
    machine.go_on(from_yaml(Path(str(folder.config))), folder)
    assert trials(folder) == trials(whole)


def test_unreadable_source_leaves_no_merge(machine: Machine) -> None:
    machine.run("a", num_trials=1)
    folder = machine.run("b", num_trials=1)
    Path(str(folder.config)).write_text("run: b\n")
    assert "b" in refusals(machine, "run=a,b", "into=new")
    assert not machine.folder("new").path.exists()
