"""From a run's trials to what is tried: which cells, which causes, which donors; and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from failmap.analysis.load import load_run
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary
from failmap.run_folder.storage import write_atomically
from failmap.search.config import RunConfig
from failmap.search.interventions.ablations import plan_ablation
from failmap.search.interventions.plan import AS_IT_WAS, Plan
from failmap.search.interventions.request import read_ablation, read_rescue
from failmap.search.interventions.rescue_plan import plan_rescue
from failmap.search.loading import to_yaml
from failmap.search.trial.config import TrialConfig
from tests.search.interventions.runs import DIVERGED, FAILED, LEARNED, cost, open_study, work_off

MakeConfig = Callable[..., RunConfig]


def end(config: TrialConfig) -> Summary:
    """Cheap cells learn, one seed in the next ones, and there the other recipe in the shallow one."""
    is_other_recipe = config.train.learning_rate != 3e-3
    if cost(config) <= 10:
        return LEARNED
    if cost(config) == 20 and (config.seed == 0 or (is_other_recipe and config.model.depth == 1)):
        return LEARNED
    return DIVERGED if config.model.depth == 2 else FAILED


@pytest.fixture(scope="module")
def run(make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Lengths 5, 10, 20 and 40 at depths 1 and 2, two recipes."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    config = make_config(lengths=[5, 10, 20, 40], budget={"recipes": 2})
    folder.path.mkdir()
    write_atomically(folder.config, to_yaml(config))
    work_off(open_study(config, folder), end)
    return folder


def rescue(folder: RunFolder, *words: str) -> Plan:
    request = read_rescue([f"run={folder.name}", f"storage={folder.path.parent}", *words])
    return plan_rescue(request, load_run(folder))


def ablation(folder: RunFolder, *words: str) -> Plan:
    request = read_ablation([f"run={folder.name}", f"storage={folder.path.parent}", *words])
    return plan_ablation(request, load_run(folder))


def places(plan: Plan) -> list[tuple[int, int]]:
    labels = [case.cell.as_dict() for case in plan.cases]
    return [(cell["task.sequence_length"], cell["model.depth"]) for cell in labels]


def refusal(make: Callable[..., Plan], folder: RunFolder, *words: str) -> str:
    with pytest.raises(UserError) as raised:
        make(folder, *words)
    (line,) = raised.value.problems
    return line


def test_cells_that_fail_are_rescued_cheap_ones_first(run: RunFolder) -> None:
    assert places(rescue(run)) == [(40, 1), (20, 2), (40, 2)]


def test_cells_beside_what_learns_come_before_cheaper_ones(make_config: MakeConfig, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "tiny")
    config = make_config(lengths=[5, 10, 20], depths=[1, 2])
    folder.path.mkdir()
    write_atomically(folder.config, to_yaml(config))
    learning = {(20, 2)}
    work_off(
        open_study(config, folder),
        lambda trial: LEARNED if (trial.task.sequence_length, trial.model.depth) in learning else FAILED,
    )
    assert places(rescue(folder)) == [(20, 1), (10, 2), (5, 1), (10, 1), (5, 2)]


def test_labels_leave_the_cells_that_fail_among_those_that_have_them(run: RunFolder) -> None:
    assert places(rescue(run, "cell=model.depth=2")) == [(20, 2), (40, 2)]


def test_a_cell_that_is_named_whole_need_not_fail(run: RunFolder) -> None:
    assert places(rescue(run, "cell=depth=1,sequence_length=20")) == [(20, 1)]


def test_the_cause_of_most_failures_decides_what_is_tried(run: RunFolder) -> None:
    case = next(case for case in rescue(run).cases if case.cause == "diverged")
    assert case.why[0].startswith("diverged in ")
    assert "loss" in case.why[1]
    first, second, foil, *others = case.steps
    assert (first.name, second.name) == (AS_IT_WAS, "lower_rate")
    assert foil.cause not in ("diverged", "")
    assert {step.cause for step in others} == {"diverged"}


def test_a_recipe_other_than_the_default_is_rescued_by_its_index(run: RunFolder) -> None:
    default, other = rescue(run).cases[-1], rescue(run, "recipe=1").cases[-1]
    assert (default.cell, default.base, other.base) == (other.cell, 0, 1)
    assert default.config.train != other.config.train


def test_a_network_of_a_shorter_cell_of_the_row_that_learned_can_be_started_from(run: RunFolder) -> None:
    donors = {place: case.donor for place, case in zip(places(rescue(run)), rescue(run).cases, strict=True)}
    near, far = donors[40, 1], donors[20, 2]
    assert near is not None
    assert far is not None
    assert (near.cell.as_dict()["task.sequence_length"], near.seeds) == (20, (0,))
    assert (far.cell.as_dict()["task.sequence_length"], far.seeds) == (10, (0,))


def test_fixes_of_other_cells_in_the_row_stand_ready(run: RunFolder) -> None:
    for case in rescue(run).cases:
        assert not {step.name for step in case.carried} & {step.name for step in case.steps}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["recipe=7"], "recipe=7: no trial has it; there is recipe=0 or recipe=1"),
        (
            ["cell=depth=1,sequence_length=5"],
            "cell=task.sequence_length=5,model.depth=1: no trial failed there",
        ),
        (
            ["cell=sequence_length=5"],
            "run=tiny: no cell with task.sequence_length=5 fails by the default recipe, and no trial of it "
            "failed there",
        ),
        (
            ["cell=depth=1,sequence_length=20", "recipe=1"],
            "cell=task.sequence_length=20,model.depth=1: no trial of recipe 1 failed there; there is "
            "recipe=0",
        ),
    ],
)
def test_what_cannot_be_rescued_is_told(run: RunFolder, words: list[str], told: str) -> None:
    assert refusal(rescue, run, *words) == told


def test_a_run_in_which_all_is_well_has_nothing_to_rescue(make_config: MakeConfig, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "tiny")
    folder.path.mkdir()
    config = make_config(budget={"trials": 6})
    write_atomically(folder.config, to_yaml(config))
    assert refusal(rescue, folder) == "run=tiny: it has no trial yet; go on with it by search.resume"
    work_off(open_study(config, folder), lambda trial: FAILED if trial.seed == 3 else LEARNED)
    assert refusal(rescue, folder) == (
        "run=tiny: no cell fails by the default recipe; trials failed in 1, as in "
        'cell="task.sequence_length=5,model.depth=1"'
    )
    assert refusal(rescue, folder, "cell=depth=2,sequence_length=10").endswith(
        "no trial was run there yet; go on with the run by search.resume"
    )


def test_an_ablation_takes_one_thing_away_from_the_trial_itself(run: RunFolder) -> None:
    (case,) = ablation(run, "trial=1").cases
    assert (case.base, case.kind, case.config.seed) == (1, "ablation", 1)
    assert case.steps[0].name == AS_IT_WAS
    assert all(len(step.changes) >= 1 for step in case.steps[1:])


@pytest.mark.parametrize(
    ("trial", "told"),
    [
        (9999, "trial=9999: the run has no such trial; its trials are 0 to "),
        (
            None,
            "it ended as failed, and only what learned can lose something; those that did: 0, 1, 2, 3, 4 and",
        ),
    ],
)
def test_only_what_learned_can_lose_something(run: RunFolder, trial: int | None, told: str) -> None:
    failed = next(
        one.number for one in load_run(run).records if one.summary and one.summary.outcome == "failed"
    )
    assert told in refusal(ablation, run, f"trial={failed if trial is None else trial}")
