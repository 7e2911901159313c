"""The order of interventions: paired seeds, steps that are given up or carried along, warm starts."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.run_folder.records import Intervention, Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.config import RunConfig
from failmap.search.interventions.plan import START_SHORTER, UNCHANGED, Case, Plan, Step, WarmStart
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.space import Cell
from tests.search.interventions.runs import begin, run_in_any_order, run_one_by_one

MakePlan = Callable[..., Plan]
RATE, CLIP, NORM = {"train.learning_rate": 1e-3}, {"train.clip_norm": 1.0}, {"model.layer_norm": True}
STEPS = (
    Step("lower_rate", RATE, "diverged", 1.0),
    Step("layer_norm", NORM, "vanishing_in_depth", 1.0),
    Step("clip", CLIP, "diverged", 1.0),
)


def cell_at(config: RunConfig, length: int, depth: int = 1) -> Cell:
    labels = {"task.sequence_length": length, "model.depth": depth}
    return next(cell for cell in config.space.cells() if cell.as_dict() == labels)


@pytest.fixture(scope="session")
def config(make_config: Callable[..., RunConfig]) -> RunConfig:
    return make_config(lengths=[5, 10, 20])


@pytest.fixture(scope="session")
def make_plan(config: RunConfig) -> MakePlan:
    def case(length: int, steps: tuple[Step, ...], carried: tuple[Step, ...], depth: int) -> Case:
        cell = cell_at(config, length, depth)
        recipe = config.space.default_recipe(cell)
        return Case(
            kind="rescue",
            cell=cell,
            recipe_index=0,
            recipe=recipe,
            config=config.space.trial_config(cell, recipe, 0),
            base=0,
            steps=(Step(UNCHANGED, {}, "", 1.0), *steps),
            carried=carried,
            row=(("model.depth", depth),),
        )

    def make(
        *,
        lengths: tuple[int, ...] = (10,),
        steps: tuple[Step, ...] = STEPS,
        own: dict[int, tuple[Step, ...]] | None = None,
        depth: int = 1,
        max_trials: int | None = None,
    ) -> Plan:
        cases = []
        for length in lengths:
            mine = (own or {}).get(length, steps)
            carried = tuple(step for step in steps if step.name not in {one.name for one in mine})
            cases.append(case(length, mine, carried, depth))
        return Plan("tiny", tuple(cases), range(5), max_trials)

    return make


@pytest.fixture(scope="session")
def warm_start(config: RunConfig) -> WarmStart:
    cell = cell_at(config, 5)
    recipe = config.space.default_recipe(cell)
    return WarmStart(cell, 0, recipe, config.space.trial_config(cell, recipe, 0), seeds=(0, 1, 3))


def name_of(trial: NextTrial) -> str:
    assert trial.intervention is not None
    return trial.intervention.name


def only(*names: str) -> Callable[[NextTrial], Outcome]:
    """Return a rule by which only these changes help."""
    return lambda trial: "learned" if name_of(trial) in names else "failed"


def begin_base_trials(schedule: InterventionSchedule, outcomes: list[Outcome | None]) -> None:
    """Add the base's trials from the search, seed by seed."""
    case = schedule.plan.cases[0]
    for seed, outcome in enumerate(outcomes):
        schedule.begin(KnownTrial(seed, case.cell, 0, {}, "default", seed, outcome))


def test_missing_base_seeds_come_first(make_plan: MakePlan) -> None:
    schedule = InterventionSchedule(make_plan())
    begin_base_trials(schedule, ["failed"] * 4)
    trials = run_one_by_one(schedule, only("lower_rate", "layer_norm", "clip"))
    assert [(name_of(trial), trial.seed) for trial in trials] == [
        (UNCHANGED, 4),
        *((step.name, seed) for step in STEPS for seed in range(5)),
    ]
    assert {trial.purpose for trial in trials} == {"intervene"}


def test_trial_has_the_base_configuration_with_one_change(make_plan: MakePlan) -> None:
    schedule = InterventionSchedule(make_plan())
    begin_base_trials(schedule, ["failed"] * 5)
    trial = schedule.next()
    assert trial is not None
    assert trial.intervention == Intervention("rescue", "lower_rate", RATE, 0, "diverged")
    (case,) = schedule.plan.cases
    train = case.config.train.model_copy(update={"learning_rate": 1e-3})
    assert trial.config == case.config.model_copy(update={"train": train})


def test_inconclusive_base_trials_run_again(make_plan: MakePlan) -> None:
    schedule = InterventionSchedule(make_plan())
    begin_base_trials(schedule, ["failed", "censored", "errored", None, "failed"])
    trials = run_one_by_one(schedule, only())
    assert [trial.seed for trial in trials if name_of(trial) == UNCHANGED] == [1, 2]


def test_step_that_fails_on_four_seeds_is_given_up(make_plan: MakePlan) -> None:
    schedule = InterventionSchedule(make_plan())
    begin_base_trials(schedule, ["failed"] * 5)
    trials = run_one_by_one(schedule, only("clip"))
    assert Counter(map(name_of, trials)) == {"lower_rate": 4, "layer_norm": 4, "clip": 5}


def test_seed_that_may_be_needless_waits(make_plan: MakePlan) -> None:
    schedule = InterventionSchedule(make_plan())
    begin_base_trials(schedule, ["failed"] * 5)
    trials = []
    for number in range(5):
        trial = schedule.next()
        assert trial is not None
        trials.append((name_of(trial), trial.seed))
        begin(schedule, trial, number)
    assert trials == [*(("lower_rate", seed) for seed in range(4)), ("layer_norm", 0)]


def test_fix_that_worked_comes_first_in_the_row(make_plan: MakePlan) -> None:
    schedule = InterventionSchedule(make_plan(lengths=(10, 20)))
    trials = run_one_by_one(schedule, only("clip"))
    later = [name_of(trial) for trial in trials if trial.cell.as_dict()["task.sequence_length"] == 20]
    assert list(dict.fromkeys(later)) == [UNCHANGED, "clip", "lower_rate", "layer_norm"]


def test_fix_that_worked_is_carried_to_other_ladders(make_plan: MakePlan) -> None:
    plan = make_plan(lengths=(10, 20), own={20: STEPS[:1]})
    for rule, carried in ((only("clip"), ["clip"]), (only("lower_rate"), [])):
        trials = run_one_by_one(InterventionSchedule(plan), rule)
        later = [name_of(trial) for trial in trials if trial.cell.as_dict()["task.sequence_length"] == 20]
        assert list(dict.fromkeys(later)) == [UNCHANGED, *carried, "lower_rate"]


def test_control_is_not_carried(make_plan: MakePlan) -> None:
    control = Step("every_step_labels", {"task.supervision": "every_step"}, "no_signal", 1.0)
    plan = make_plan(lengths=(10, 20), steps=(control, STEPS[0]), own={20: STEPS[:1]})
    trials = run_one_by_one(InterventionSchedule(plan), only("every_step_labels"))
    later = {name_of(trial) for trial in trials if trial.cell.as_dict()["task.sequence_length"] == 20}
    assert later == {UNCHANGED, "lower_rate"}


def test_warm_starts_wait_for_their_sources(make_plan: MakePlan, warm_start: WarmStart) -> None:
    step = Step(START_SHORTER, {}, "vanishing_in_time", 1.0, warm_start)
    schedule = InterventionSchedule(make_plan(steps=(step,)))
    begin_base_trials(schedule, ["failed"] * 5)
    trials = run_one_by_one(schedule, lambda trial: "learned")
    kinds = [(trial.intervention.kind, trial.seed) for trial in trials if trial.intervention]
    sources = [seed for kind, seed in kinds if kind == "donor"]
    assert sources == [0, 1, 3], "a seed that did not learn there starts from another's weights"
    assert [seed for kind, seed in kinds if kind == "rescue"] == list(range(5))
    starts = {trial.seed: trial.config.model.model_dump()["start_from"] for trial in trials if name_of(trial)}
    numbers = {
        trial.seed: f"tiny/{1001 + index}"
        for index, trial in enumerate(trials)
        if warm_start.cell == trial.cell
    }
    assert starts[1] == numbers[1]
    assert starts[2] == numbers[0]


def test_seed_of_an_errored_source_is_omitted(make_plan: MakePlan, warm_start: WarmStart) -> None:
    step = Step(START_SHORTER, {}, "vanishing_in_time", 1.0, warm_start)
    schedule = InterventionSchedule(make_plan(steps=(step,)))
    begin_base_trials(schedule, ["failed"] * 5)
    trials = run_one_by_one(schedule, lambda trial: "errored" if trial.seed == 1 else "learned")
    assert [trial.seed for trial in trials if trial.cell != warm_start.cell] == [0, 2, 3, 4]
    assert schedule.num_left() == 0


def test_limit_counts_all_interventions(make_plan: MakePlan) -> None:
    assert len(run_one_by_one(InterventionSchedule(make_plan(max_trials=7)), only("clip"))) == 7


def test_cost_left_becomes_cost_spent(make_plan: MakePlan) -> None:
    schedule = InterventionSchedule(make_plan())
    begin_base_trials(schedule, ["failed"] * 5)
    assert (schedule.cost_spent(), schedule.cost_left(), schedule.num_left()) == (5, 15, 15)
    run_one_by_one(schedule, only("clip"))
    assert (schedule.cost_spent(), schedule.cost_left(), schedule.num_left()) == (5 + 4 + 4 + 5, 0, 0)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), num_slots=st.integers(1, 7), has_warm_start=st.booleans())
def test_any_order_of_trials(
    make_plan: MakePlan, warm_start: WarmStart, seed: int, num_slots: int, has_warm_start: bool
) -> None:
    """Every decision is that of a rebuilt schedule; no seed of a step is tried twice."""
    chance = random.Random(seed)
    start = (Step(START_SHORTER, {}, "vanishing_in_time", 1.0, warm_start),) if has_warm_start else ()
    steps = (*STEPS[:2], *start, STEPS[2])
    plan = make_plan(lengths=(10, 20), steps=steps, own={20: steps[:1]})
    warm = InterventionSchedule(plan)
    luck = {name: chance.random() for name in (UNCHANGED, START_SHORTER, *(step.name for step in STEPS))}

    def rule(trial: NextTrial) -> Outcome:
        draw = chance.random()
        return "errored" if draw < 0.05 else "learned" if chance.random() < luck[name_of(trial)] else "failed"

    def look(notes: list[KnownTrial]) -> None:
        if chance.random() < 0.2:
            cold = InterventionSchedule(plan)
            for note in notes:
                cold.begin(note)
            assert cold.next() == warm.next()

    begun = run_in_any_order(warm, rule, chance, look, num_slots)
    tries: dict[tuple[str, Cell, str], list[int]] = defaultdict(list)
    learned_sources = set()
    for trial, note in begun:
        assert trial.intervention is not None
        tries[trial.intervention.kind, trial.cell, name_of(trial)].append(trial.seed)
        source = trial.intervention.changes.get("model.start_from")
        assert source is None or int(source.removeprefix("tiny/")) in learned_sources
        if trial.intervention.kind == "donor" and note.outcome == "learned":
            learned_sources.add(note.number)
    for seeds in tries.values():
        assert len(seeds) == len(set(seeds)) <= 5
        assert set(seeds) <= set(plan.seeds)
    assert warm.num_left() == 0
    assert warm.cost_left() == 0


def test_a_longer_training_continues_where_the_end_is_kept(config: RunConfig, make_plan: MakePlan) -> None:
    longer = Step("more_updates", {"train.max_updates": 4500}, "too_few_updates", 3.0)
    both = Step("slow_and_long", {"train.max_updates": 4500, **RATE}, "too_few_updates", 3.0)
    schedule = InterventionSchedule(make_plan(steps=(longer, both)))
    cell = cell_at(config, 10)
    for seed in range(5):
        kept = 100 * (seed in (1, 2))
        schedule.begin(
            KnownTrial(*(seed, cell, 0, {}, "default", seed, "failed"), max_updates=1500, final_bytes=kept)
        )
    found = run_one_by_one(schedule, only())
    continued = {(name_of(trial), trial.seed): trial.continues for trial in found}
    assert continued["more_updates", 1] == 1
    assert continued["more_updates", 2] == 2
    assert {number for number in continued.values() if number is not None} == {1, 2}
