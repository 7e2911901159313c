"""Which intervention comes next: paired seeds, what is given up, what is carried along a row, donors."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.run_folder.records import Intervention, Outcome
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.allocation.needs import KnownTrial
from failmap.search.config import RunConfig
from failmap.search.interventions.plan import AS_IT_WAS, START_SHORTER, Case, Donor, Plan, Step
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.space import Cell
from tests.search.interventions.runs import begin, run_in_any_order, run_one_by_one

MakePlan = Callable[..., Plan]
RATE, CLIP, NORM = {"train.learning_rate": 1e-3}, {"train.clip_norm": 1.0}, {"model.layer_norm": True}
STEPS = (
    Step("lower_rate", RATE, "diverged", 5, 1.0),
    Step("layer_norm", NORM, "vanishing_in_depth", 5, 1.0),
    Step("clip", CLIP, "diverged", 5, 1.0),
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
            steps=(Step(AS_IT_WAS, {}, "", 5, 1.0), *steps),
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
def donor(config: RunConfig) -> Donor:
    cell = cell_at(config, 5)
    recipe = config.space.default_recipe(cell)
    return Donor(cell, 0, recipe, config.space.trial_config(cell, recipe, 0), seeds=(0, 1, 3))


def name_of(job: NextTrial) -> str:
    assert job.intervention is not None
    return job.intervention.name


def only(*names: str) -> Callable[[NextTrial], Outcome]:
    """The rule by which these changes help and no others do."""
    return lambda job: "learned" if name_of(job) in names else "failed"


def tell_of_base(agenda: InterventionSchedule, outcomes: list[Outcome | None]) -> None:
    """The trials that the map's own search made of the base, seed by seed."""
    case = agenda.plan.cases[0]
    for seed, outcome in enumerate(outcomes):
        agenda.begin(KnownTrial(seed, case.cell, 0, "default", seed, outcome), {})


def test_missing_seeds_of_the_base_come_first_then_fix_by_fix_on_the_same_seeds(make_plan: MakePlan) -> None:
    agenda = InterventionSchedule(make_plan())
    tell_of_base(agenda, ["failed"] * 4)
    jobs = run_one_by_one(agenda, only("lower_rate", "layer_norm", "clip"))
    assert [(name_of(job), job.seed) for job in jobs] == [
        (AS_IT_WAS, 4),
        *((step.name, seed) for step in STEPS for seed in range(5)),
    ]
    assert {job.purpose for job in jobs} == {"intervene"}


def test_a_trial_has_the_base_s_configuration_with_one_thing_changed(make_plan: MakePlan) -> None:
    agenda = InterventionSchedule(make_plan())
    tell_of_base(agenda, ["failed"] * 5)
    job = agenda.next()
    assert job is not None
    assert job.intervention == Intervention("rescue", "lower_rate", RATE, 0, "diverged")
    (case,) = agenda.plan.cases
    train = case.config.train.model_copy(update={"learning_rate": 1e-3})
    assert job.config == case.config.model_copy(update={"train": train})


def test_a_base_trial_that_was_cut_short_or_broke_is_run_again_as_it_was(make_plan: MakePlan) -> None:
    agenda = InterventionSchedule(make_plan())
    tell_of_base(agenda, ["failed", "censored", "errored", None, "failed"])
    jobs = run_one_by_one(agenda, only())
    assert [job.seed for job in jobs if name_of(job) == AS_IT_WAS] == [1, 2]


def test_what_fails_on_four_seeds_is_given_up(make_plan: MakePlan) -> None:
    agenda = InterventionSchedule(make_plan())
    tell_of_base(agenda, ["failed"] * 5)
    jobs = run_one_by_one(agenda, only("clip"))
    assert Counter(map(name_of, jobs)) == {"lower_rate": 4, "layer_norm": 4, "clip": 5}


def test_the_seed_that_may_prove_needless_waits_while_there_is_other_work(make_plan: MakePlan) -> None:
    agenda = InterventionSchedule(make_plan())
    tell_of_base(agenda, ["failed"] * 5)
    jobs = []
    for number in range(5):
        job = agenda.next()
        assert job is not None
        jobs.append((name_of(job), job.seed))
        begin(agenda, job, number)
    assert jobs == [*(("lower_rate", seed) for seed in range(4)), ("layer_norm", 0)]


def test_a_fix_that_worked_comes_first_further_along_the_row(make_plan: MakePlan) -> None:
    agenda = InterventionSchedule(make_plan(lengths=(10, 20)))
    jobs = run_one_by_one(agenda, only("clip"))
    further = [name_of(job) for job in jobs if job.cell.as_dict()["task.sequence_length"] == 20]
    assert list(dict.fromkeys(further)) == [AS_IT_WAS, "clip", "lower_rate", "layer_norm"]


def test_a_fix_that_worked_is_tried_even_where_no_ladder_has_it(make_plan: MakePlan) -> None:
    plan = make_plan(lengths=(10, 20), own={20: STEPS[:1]})
    for rule, carried in ((only("clip"), ["clip"]), (only("lower_rate"), [])):
        jobs = run_one_by_one(InterventionSchedule(plan), rule)
        further = [name_of(job) for job in jobs if job.cell.as_dict()["task.sequence_length"] == 20]
        assert list(dict.fromkeys(further)) == [AS_IT_WAS, *carried, "lower_rate"]


def test_a_control_that_works_is_carried_nowhere(make_plan: MakePlan) -> None:
    control = Step("every_step_labels", {"task.supervision": "every_step"}, "no_signal", 5, 1.0)
    plan = make_plan(lengths=(10, 20), steps=(control, STEPS[0]), own={20: STEPS[:1]})
    jobs = run_one_by_one(InterventionSchedule(plan), only("every_step_labels"))
    further = {name_of(job) for job in jobs if job.cell.as_dict()["task.sequence_length"] == 20}
    assert further == {AS_IT_WAS, "lower_rate"}


def test_donors_are_trained_before_what_starts_from_them(make_plan: MakePlan, donor: Donor) -> None:
    step = Step(START_SHORTER, {}, "vanishing_in_time", 5, 1.0, donor)
    agenda = InterventionSchedule(make_plan(steps=(step,)))
    tell_of_base(agenda, ["failed"] * 5)
    jobs = run_one_by_one(agenda, lambda job: "learned")
    kinds = [(job.intervention.kind, job.seed) for job in jobs if job.intervention]
    donors = [seed for kind, seed in kinds if kind == "donor"]
    assert donors == [0, 1, 3], "a seed that did not learn there starts from another's weights"
    assert [seed for kind, seed in kinds if kind == "rescue"] == list(range(5))
    starts = {job.seed: job.config.model.model_dump()["start_from"] for job in jobs if name_of(job)}
    numbers = {job.seed: f"tiny/{1001 + place}" for place, job in enumerate(jobs) if donor.cell == job.cell}
    assert starts[1] == numbers[1]
    assert starts[2] == numbers[0]


def test_where_a_donor_breaks_its_seed_is_left_out(make_plan: MakePlan, donor: Donor) -> None:
    step = Step(START_SHORTER, {}, "vanishing_in_time", 5, 1.0, donor)
    agenda = InterventionSchedule(make_plan(steps=(step,)))
    tell_of_base(agenda, ["failed"] * 5)
    jobs = run_one_by_one(agenda, lambda job: "errored" if job.seed == 1 else "learned")
    assert [job.seed for job in jobs if job.cell != donor.cell] == [0, 2, 3, 4]
    assert agenda.num_left() == 0


def test_a_session_s_limit_counts_all_interventions(make_plan: MakePlan) -> None:
    assert len(run_one_by_one(InterventionSchedule(make_plan(max_trials=7)), only("clip"))) == 7


def test_costs_that_are_left_become_costs_that_are_spent(make_plan: MakePlan) -> None:
    agenda = InterventionSchedule(make_plan())
    tell_of_base(agenda, ["failed"] * 5)
    assert (agenda.cost_spent(), agenda.cost_left(), agenda.num_left()) == (5, 15, 15)
    run_one_by_one(agenda, only("clip"))
    assert (agenda.cost_spent(), agenda.cost_left(), agenda.num_left()) == (5 + 4 + 4 + 5, 0, 0)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), num_slots=st.integers(1, 7), has_donor=st.booleans())
def test_any_session_in_any_order(
    make_plan: MakePlan, donor: Donor, seed: int, num_slots: int, has_donor: bool
) -> None:
    """Every moment's decision is the one a rebuilt agenda takes; no seed of a step is tried twice."""
    chance = random.Random(seed)
    start = (Step(START_SHORTER, {}, "vanishing_in_time", 5, 1.0, donor),) if has_donor else ()
    steps = (*STEPS[:2], *start, STEPS[2])
    plan = make_plan(lengths=(10, 20), steps=steps, own={20: steps[:1]})
    warm = InterventionSchedule(plan)
    luck = {name: chance.random() for name in (AS_IT_WAS, START_SHORTER, *(step.name for step in STEPS))}

    def rule(job: NextTrial) -> Outcome:
        draw = chance.random()
        return "errored" if draw < 0.05 else "learned" if chance.random() < luck[name_of(job)] else "failed"

    def look(notes: list[KnownTrial]) -> None:
        if chance.random() < 0.2:
            cold = InterventionSchedule(plan)
            for note in notes:
                cold.begin(note, {})
            assert cold.next() == warm.next()

    begun = run_in_any_order(warm, rule, chance, look, num_slots)
    tries: dict[tuple[str, Cell, str], list[int]] = defaultdict(list)
    learned_donors = set()
    for job, note in begun:
        assert job.intervention is not None
        tries[job.intervention.kind, job.cell, name_of(job)].append(job.seed)
        source = job.intervention.changes.get("model.start_from")
        assert source is None or int(source.removeprefix("tiny/")) in learned_donors
        if job.intervention.kind == "donor" and note.outcome == "learned":
            learned_donors.add(note.number)
    for seeds in tries.values():
        assert len(seeds) == len(set(seeds)) <= 5
        assert set(seeds) <= set(plan.seeds)
    assert warm.num_left() == 0
    assert warm.cost_left() == 0
