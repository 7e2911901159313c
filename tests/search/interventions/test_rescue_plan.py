"""The plan of a rescue or an ablation, from a run's trials: cells, causes, warm starts, and refusals."""

from collections.abc import Callable
from pathlib import Path

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary
from failmap.run_folder.storage import write_atomically
from failmap.search.allocation.goals import allocation_for
from failmap.search.config import RunConfig
from failmap.search.interventions.ablations import plan_ablation
from failmap.search.interventions.plan import UNCHANGED, Plan
from failmap.search.interventions.request import AblationArguments, RescueArguments, read_session
from failmap.search.interventions.rescue_plan import plan_rescue
from failmap.search.loading import to_yaml
from failmap.search.trial.config import TrialConfig
from tests.search.interventions.runs import DIVERGED, FAILED, LEARNED, open_study, run_all

MakeConfig = Callable[..., RunConfig]


def end(config: TrialConfig) -> Summary:
    """Cheap cells learn; the next ones with two seeds, and the shallow one of them with the other recipe."""
    is_other_recipe = config.train.learning_rate != 3e-3
    size = config.task.sequence_length * config.model.depth
    if size <= 10:
        return LEARNED
    if size == 20 and (config.seed < 2 or (is_other_recipe and config.model.depth == 1)):
        return LEARNED
    return DIVERGED if config.model.depth == 2 else FAILED


@pytest.fixture(scope="module")
def run(make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Lengths 5, 10, 20 and 40 at depths 1 and 2, two recipes."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    config = make_config(lengths=[5, 10, 20, 40], budget={"recipes": 2})
    folder.path.mkdir()
    write_atomically(folder.config, to_yaml(config))
    run_all(open_study(config, folder), end)
    return folder


def rescue(folder: RunFolder, *arguments: str) -> Plan:
    named = [f"run={folder.name}", f"storage={folder.path.parent}", *arguments]
    return plan_rescue(read_session("rescue", RescueArguments, named), load_run(folder))


def ablation(folder: RunFolder, *arguments: str) -> Plan:
    named = [f"run={folder.name}", f"storage={folder.path.parent}", *arguments]
    return plan_ablation(read_session("ablate", AblationArguments, named), load_run(folder))


def coordinates(plan: Plan) -> list[tuple[int, int]]:
    labels = [case.cell.as_dict() for case in plan.cases]
    return [(cell["task.sequence_length"], cell["model.depth"]) for cell in labels]


def refusal(make: Callable[..., Plan], folder: RunFolder, *arguments: str) -> str:
    with pytest.raises(UserError) as raised:
        make(folder, *arguments)
    (line,) = raised.value.problems
    return line


def test_failing_cells_are_ordered_by_cost(run: RunFolder) -> None:
    assert coordinates(rescue(run)) == [(40, 1), (20, 2), (40, 2)]


def test_cells_that_are_inferred_to_fail_are_chosen_if_a_trial_failed(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "tiny")
    config = make_config(lengths=[5, 10, 20, 40, 80], depths=[1, 2, 3])
    config = config.model_copy(update={"space": config.space.model_copy(update={"goal": "map"})})
    folder.path.mkdir()
    write_atomically(folder.config, to_yaml(config))
    run_all(
        open_study(config, folder, allocation_for(config)),
        lambda trial: LEARNED if trial.task.sequence_length < 20 else FAILED,
    )
    failing = [cell for cell in build_map(load_run(folder)).cells.values() if cell.verdict.state == "fails"]
    tried = [cell for cell in failing if cell.numbers]
    assert any(cell.verdict.is_inferred for cell in tried)
    assert len(tried) < len(failing)
    assert sorted(coordinates(rescue(folder))) == sorted(tuple(map(int, cell.labels)) for cell in tried)


def test_cells_next_to_learning_ones_come_first(make_config: MakeConfig, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "tiny")
    config = make_config(lengths=[5, 10, 20], depths=[1, 2])
    folder.path.mkdir()
    write_atomically(folder.config, to_yaml(config))
    learning = {(20, 2)}
    run_all(
        open_study(config, folder),
        lambda trial: LEARNED if (trial.task.sequence_length, trial.model.depth) in learning else FAILED,
    )
    assert coordinates(rescue(folder)) == [(20, 1), (10, 2), (5, 1), (10, 1), (5, 2)]


def test_labels_filter_failing_cells(run: RunFolder) -> None:
    assert coordinates(rescue(run, "cell=model.depth=2")) == [(20, 2), (40, 2)]


def test_named_cell_need_not_fail(run: RunFolder) -> None:
    assert coordinates(rescue(run, "cell=depth=1,sequence_length=20")) == [(20, 1)]


def test_most_frequent_cause_decides_the_steps(run: RunFolder) -> None:
    case = next(case for case in rescue(run).cases if case.cause == "diverged")
    assert case.reasons[0].startswith("diverged in ")
    assert "loss" in case.reasons[1]
    first, second, control, *others = case.steps
    assert (first.name, second.name) == (UNCHANGED, "clip")
    assert control.cause not in ("diverged", "")
    assert {step.cause for step in others} == {"diverged"}


def test_other_recipe_is_rescued_by_its_index(run: RunFolder) -> None:
    default, other = rescue(run).cases[-1], rescue(run, "recipe=1").cases[-1]
    assert (default.cell, default.base, other.base) == (other.cell, 0, 1)
    assert default.config.train != other.config.train


def test_warm_start_is_the_longest_shorter_cell_that_learned(run: RunFolder) -> None:
    starts = {
        point: case.warm_start
        for point, case in zip(coordinates(rescue(run)), rescue(run).cases, strict=True)
    }
    near, far = starts[40, 1], starts[20, 2]
    assert near is not None
    assert far is not None
    assert (near.cell.as_dict()["task.sequence_length"], near.seeds) == (20, (0, 1))
    assert (far.cell.as_dict()["task.sequence_length"], far.seeds) == (10, (0, 1))


def test_carried_fixes_are_not_in_the_own_ladder(run: RunFolder) -> None:
    for case in rescue(run).cases:
        assert not {step.name for step in case.carried} & {step.name for step in case.steps}


@pytest.mark.parametrize(
    ("arguments", "start", "end"),
    [
        (["recipe=7"], "recipe=7: ", "recipe=0 or recipe=1"),
        (["cell=depth=1,sequence_length=5"], "cell=task.sequence_length=5,model.depth=1: ", "failed there"),
        (["cell=sequence_length=5"], "run=tiny: no cell with task.sequence_length=5 ", "failed there"),
        (
            ["cell=depth=1,sequence_length=20", "recipe=1"],
            "cell=task.sequence_length=20,model.depth=1: no trial of recipe 1 ",
            "there is recipe=0",
        ),
    ],
)
def test_refused_rescues(run: RunFolder, arguments: list[str], start: str, end: str) -> None:
    line = refusal(rescue, run, *arguments)
    assert line.startswith(start)
    assert line.endswith(end)


def test_run_without_failures_has_nothing_to_rescue(make_config: MakeConfig, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "tiny")
    folder.path.mkdir()
    config = make_config(budget={"trials": 6})
    write_atomically(folder.config, to_yaml(config))
    assert refusal(rescue, folder).endswith("python -m search.resume run=tiny")
    run_all(open_study(config, folder), lambda trial: FAILED if trial.seed == 3 else LEARNED)
    assert refusal(rescue, folder).endswith('in 1, such as cell="task.sequence_length=5,model.depth=1"')
    no_trial_there = refusal(rescue, folder, "cell=depth=2,sequence_length=10")
    assert no_trial_there.startswith("cell=task.sequence_length=10,model.depth=2: no trial has run")


def test_ablation_changes_the_trial_itself(run: RunFolder) -> None:
    (case,) = ablation(run, "trial=1").cases
    assert (case.base, case.kind, case.config.seed) == (1, "ablation", 1)
    assert case.steps[0].name == UNCHANGED
    assert all(len(step.changes) >= 1 for step in case.steps[1:])


@pytest.mark.parametrize(
    ("trial", "problem"),
    [
        (9999, "trial=9999: the run has no such trial"),
        (None, "needs a trial that learned: 0, 1, 2, 3, 4 and"),
    ],
)
def test_ablation_needs_a_trial_that_learned(run: RunFolder, trial: int | None, problem: str) -> None:
    failed = next(one.number for one in load_run(run).records if one.outcome == "failed")
    assert problem in refusal(ablation, run, f"trial={failed if trial is None else trial}")
