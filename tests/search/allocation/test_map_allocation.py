import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.run_folder.records import Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import MapAllocation, NextTrial, cells_in_order
from failmap.search.config import RunConfig
from failmap.search.samplers import SAMPLERS
from failmap.search.space import Cell

MakeConfig = Callable[..., RunConfig]
Rule = Callable[[NextTrial], Outcome]


def begin(agenda: MapAllocation, config: RunConfig, job: NextTrial, number: int) -> KnownTrial:
    labels = config.space.recipe_labels(job.recipe)
    note = KnownTrial(number, job.cell, job.recipe_index, labels, job.purpose, job.seed)
    agenda.begin(note)
    return note


def run_one_by_one(config: RunConfig, rule: Rule) -> list[NextTrial]:
    """All jobs of a run in which every trial ends before the next begins."""
    agenda, jobs = MapAllocation(config), []
    while (job := agenda.next()) is not None:
        jobs.append(job)
        agenda.end(begin(agenda, config, job, len(jobs)), rule(job), 0.5)
    return jobs


def size(cell: Cell) -> int:
    labels = cell.as_dict()
    return int(labels["task.sequence_length"] * labels["model.depth"])


def seeds_by_cell(jobs: list[NextTrial]) -> Iterator[tuple[int, list[int]]]:
    for cell, group in itertools.groupby(jobs, key=lambda job: job.cell):
        yield size(cell), [job.seed for job in group]


def test_cheap_cells_come_first_and_six_seeds_that_agree_decide(make_config: MakeConfig) -> None:
    config = make_config(lengths=[10, 5, 100], depths=[1, 3])
    jobs = run_one_by_one(config, lambda job: "learned" if size(job.cell) < 20 else "failed")
    assert list(seeds_by_cell(jobs)) == [(n, [0, 1, 2, 3, 4, 5]) for n in (5, 10, 15, 30, 100, 300)]
    assert {job.purpose for job in jobs} == {"default"}


def test_facets_run_in_order_up_to_the_budget(make_config: MakeConfig) -> None:
    config = make_config(widths=[512, 32, 128], budget={"facets": 2})
    widths = [cell.as_dict()["model.hidden_size"] for cell in cells_in_order(config)]
    assert widths == [512] * 4 + [32] * 4


@pytest.mark.parametrize(
    ("num_learning", "num_seeds"), [(0, 6), (1, 10), (2, 6), (3, 6), (4, 6), (5, 7), (6, 6)]
)
def test_seeds_that_do_not_decide_are_followed_by_more_if_those_can(
    make_config: MakeConfig, num_learning: int, num_seeds: int
) -> None:
    """One of six may become one of ten, which decides, and two of six cannot; nor can five of seven."""
    config = make_config(lengths=[5], depths=[1])
    jobs = run_one_by_one(config, lambda job: "learned" if job.seed < num_learning else "failed")
    assert [job.seed for job in jobs] == list(range(num_seeds))


def test_a_raised_limit_adds_seeds_only_where_nothing_is_decided(make_config: MakeConfig) -> None:
    """The shorter cell is decided by its tenth seed, and the longer one by the sixteenth."""
    budget = {"max_seeds": 16}
    config = make_config(lengths=[5, 10], depths=[1], budget=budget)
    learns = {5: {*range(16)} - {2}, 10: {*range(16)} - {2, 7}}
    jobs = run_one_by_one(config, lambda job: "learned" if job.seed in learns[size(job.cell)] else "failed")
    assert [(n, len(seeds)) for n, seeds in seeds_by_cell(jobs)] == [(5, 10), (10, 16)]


def test_the_run_s_seed_is_the_first_trial_s(make_config: MakeConfig) -> None:
    config = make_config(lengths=[5], depths=[1], seed=100)
    assert [job.seed for job in run_one_by_one(config, lambda _: "failed")] == [*range(100, 106)]


def test_an_errored_trial_is_replaced_but_not_for_ever(make_config: MakeConfig) -> None:
    config = make_config(lengths=[5], depths=[1])
    jobs = run_one_by_one(config, lambda job: "errored" if job.seed in (0, 2) else "learned")
    assert [job.seed for job in jobs] == list(range(8))
    assert len(run_one_by_one(config, lambda _: "errored")) == 6 + 10


def test_cheaper_cells_get_their_seeds_first(make_config: MakeConfig) -> None:
    config = make_config()
    agenda = MapAllocation(config)
    cells = []
    while (job := agenda.next()) is not None:
        begin(agenda, config, job, len(cells))
        cells.append(size(job.cell))
    assert cells == [5] * 6 + [10] * 12 + [20] * 6


def test_seeds_that_follow_come_before_a_cell_that_is_not_begun(make_config: MakeConfig) -> None:
    config = make_config()
    agenda = MapAllocation(config)
    notes: list[KnownTrial] = []
    for outcome in ("learned", "failed", "learned", "learned", "learned", "learned"):
        job = agenda.next()
        assert job is not None
        note = begin(agenda, config, job, len(notes))
        agenda.end(note, outcome, 0.5)
    job = agenda.next()
    assert job is not None
    assert (size(job.cell), job.seed) == (5, 6)


def test_other_recipes_only_where_the_default_fails(make_config: MakeConfig) -> None:
    config = make_config(budget={"recipes": 3})
    jobs = run_one_by_one(config, lambda job: "learned" if size(job.cell) < 20 else "failed")
    explored = [job for job in jobs if job.purpose == "explore"]
    assert {size(job.cell) for job in explored} == {20}
    assert [(job.recipe_index, job.seed) for job in explored] == [(r, s) for r in (1, 2) for s in range(3)]
    assert jobs.index(explored[0]) == len(jobs) - len(explored)


def test_recipe_is_confirmed_on_new_seeds(make_config: MakeConfig) -> None:
    config = make_config(lengths=[5], depths=[1], budget={"recipes": 9})
    jobs = run_one_by_one(config, lambda job: "learned" if job.recipe_index == 2 else "failed")
    assert [(job.recipe_index, job.seed) for job in jobs if job.purpose == "confirm"] == [
        (2, seed) for seed in range(3, 12)
    ]
    assert jobs[-1].purpose == "confirm", "once the cell learns, no more recipes there"
    assert max(job.recipe_index for job in jobs) == 2


def test_a_recipe_that_is_not_confirmed_is_followed_by_others(make_config: MakeConfig) -> None:
    config = make_config(lengths=[5], depths=[1], budget={"recipes": 4})
    jobs = run_one_by_one(config, lambda job: "learned" if job.purpose == "explore" else "failed")
    tried = Counter((job.recipe_index, job.purpose) for job in jobs[6:])
    assert list(tried.items()) == [
        ((1, "explore"), 3),
        ((1, "confirm"), 6),
        ((2, "explore"), 3),
        ((2, "confirm"), 6),
        # The third takes eleven seeds, more than the limit.
        ((3, "explore"), 3),
    ]


def test_a_recipe_is_confirmed_no_longer_than_it_can_be(make_config: MakeConfig) -> None:
    """Where the default recipe does not fail, neither can the cell: only *learns* is left to decide."""
    config = make_config(lengths=[5], depths=[1], budget={"recipes": 2})
    jobs = run_one_by_one(
        config, lambda job: "learned" if job.purpose == "explore" or job.seed % 2 else "failed"
    )
    assert Counter(job.purpose for job in jobs) == {"default": 6, "explore": 3, "confirm": 2}


def test_recipes_that_must_fail_get_the_seeds_that_decide(make_config: MakeConfig) -> None:
    config = make_config(lengths=[5], depths=[1], budget={"recipes": 3})
    space = config.space.model_copy(update={"fail_after_recipes": 2})
    jobs = run_one_by_one(config.model_copy(update={"space": space}), lambda _: "failed")
    assert Counter(job.recipe_index for job in jobs) == {0: 6, 1: 6, 2: 3}


def test_fewer_seeds_to_begin_with_are_followed_by_those_that_decide(make_config: MakeConfig) -> None:
    """Of four seeds that two learned, no ten can decide."""
    config = make_config(lengths=[5], depths=[1], budget={"seeds": 4})
    assert len(run_one_by_one(config, lambda _: "learned")) == 6
    assert len(run_one_by_one(config, lambda job: "learned" if job.seed % 2 else "failed")) == 4


def test_a_grid_that_is_exhausted_ends_the_cell(make_config: MakeConfig) -> None:
    config = make_config(lengths=[5], depths=[1], budget={"recipes": 1000, "seeds": 1, "max_seeds": 1})
    jobs = run_one_by_one(config, lambda _: "failed")
    num_rates, num_optimizers_and_momenta, num_outputs = 6, 3, 2
    assert len(jobs) == num_rates * num_optimizers_and_momenta * num_outputs


def test_next_recipe_starts_instead_of_waiting(make_config: MakeConfig) -> None:
    config = make_config(lengths=[5], depths=[1], budget={"recipes": 3})
    agenda = MapAllocation(config)
    notes = [begin(agenda, config, job, n) for n in range(6) if (job := agenda.next())]
    assert agenda.next() is None, "the default recipe may learn yet"
    for note in notes:
        agenda.end(note, "failed", 0.0)
    indices = []
    while (job := agenda.next()) is not None:
        indices.append(job.recipe_index)
        begin(agenda, config, job, len(indices))
    assert indices == [1] * 3 + [2] * 3


def test_the_cap_on_trials_counts_all_that_were_begun(make_config: MakeConfig) -> None:
    assert len(run_one_by_one(make_config(budget={"trials": 6}), lambda _: "failed")) == 6


@settings(deadline=None, max_examples=40)
@given(sampler=st.sampled_from(sorted(SAMPLERS)), seed=st.integers(0, 2**32), num_slots=st.integers(1, 9))
def test_any_run_in_any_order(make_config: MakeConfig, sampler: str, seed: int, num_slots: int) -> None:
    """Trials end in any order with any outcome; every moment's decision is the one a rebuilt agenda takes."""
    chance = random.Random(seed)
    recipes = 2 if sampler == "tpe" else 4
    config = make_config(sampler=sampler, budget={"recipes": recipes, "trials": 90})
    warm = MapAllocation(config)
    begun: list[tuple[NextTrial, KnownTrial]] = []
    running: list[KnownTrial] = []
    while True:
        job = warm.next()
        if chance.random() < 0.1:
            cold = MapAllocation(config)
            for _, note in begun:
                cold.begin(note)
            assert cold.next() == job
        if job is not None and len(running) < num_slots:
            note = begin(warm, config, job, len(begun))
            begun.append((job, note))
            running.append(note)
        elif running:
            note = running.pop(chance.randrange(len(running)))
            outcomes: list[Outcome] = ["learned", "failed", "errored"]
            if note.purpose == "explore":
                outcomes.append("censored")
            warm.end(note, chance.choice(outcomes), chance.random())
        else:
            break
    assert max(Counter((job.cell, job.recipe_index, job.seed) for job, _ in begun).values()) == 1
    recipe_of: dict[tuple[Cell, int], object] = {}
    for job, _ in begun:
        assert recipe_of.setdefault((job.cell, job.recipe_index), job.recipe) == job.recipe
    for cell in config.space.cells():
        recipes_here = [recipe for (where, _), recipe in recipe_of.items() if where == cell]
        assert all(a != b for a, b in itertools.combinations(recipes_here, 2))
