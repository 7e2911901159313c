"""Trials at the edge of learning: few of them find it, and the next one follows from the trials alone."""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from failmap.analysis.map.verdicts import judge_map
from failmap.analysis.surface import Joint
from failmap.run_folder.records import Outcome
from failmap.search.allocation.boundary_allocation import BoundaryAllocation
from failmap.search.allocation.goals import allocation_for
from failmap.search.allocation.information import information_gain
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import MapAllocation, NextTrial, default_cost
from failmap.search.config import RunConfig

MakeConfig = Callable[..., RunConfig]
Rule = Callable[[NextTrial], Outcome]

LENGTHS, DEPTHS = [5, 10, 20, 50, 100, 200], [1, 2, 3, 4]


@pytest.fixture
def config(make_config: MakeConfig) -> RunConfig:
    return make_config(lengths=LENGTHS, depths=DEPTHS)


def begin(allocation: BoundaryAllocation, config: RunConfig, new: NextTrial, number: int) -> KnownTrial:
    labels = config.space.recipe_labels(new.recipe)
    trial = KnownTrial(number, new.cell, new.recipe_index, labels, new.purpose, new.seed)
    allocation.begin(trial)
    return trial


def run_all(
    config: RunConfig, rule: Rule, num_slots: int = 2, seed: int = 0
) -> tuple[list[NextTrial], list[KnownTrial]]:
    """Return all trials of a run in which those under way end in a random order."""
    allocation, order = BoundaryAllocation(config), random.Random(seed)
    asked: list[NextTrial] = []
    trials: list[KnownTrial] = []
    running: list[int] = []
    while True:
        while len(running) < num_slots and (new := allocation.next()) is not None:
            running.append(len(asked))
            asked.append(new)
            trials.append(begin(allocation, config, new, len(trials)))
        if not running:
            return asked, trials
        ended = running.pop(order.randrange(len(running)))
        allocation.end(trials[ended], rule(asked[ended]), 0.5)


def verdicts(config: RunConfig, trials: list[KnownTrial]) -> Mapping[tuple[Any, ...], str]:
    by_cell: dict[tuple[Any, ...], list[KnownTrial]] = {}
    for trial in trials:
        by_cell.setdefault(trial.cell.values, []).append(trial)
    axes = config.space.map_axes
    judged = judge_map(config.space.map_paths, [axis.labels for axis in axes], by_cell)
    return {cell: verdict.state for cell, verdict in judged.items()}


def learns(length: int, depth: int) -> bool:
    return length * depth < 90


def sharp(new: NextTrial) -> Outcome:
    length, depth = new.cell.values
    return "learned" if learns(length, depth) else "failed"


def test_few_trials_find_a_sharp_edge(config: RunConfig) -> None:
    asked, trials = run_all(config, sharp)
    found = verdicts(config, trials)
    wrong = [cell for cell, state in found.items() if state == ("fails" if learns(*cell) else "learns")]
    assert not wrong
    assert Counter(found.values())["learns"] + Counter(found.values())["fails"] >= 22
    assert len(asked) < 3 * len(found), "a grid takes six seeds a cell"
    assert {new.purpose for new in asked} <= {"default", "audit"}


@pytest.mark.parametrize("outcome", ["learned", "failed", "errored", "censored"])
def test_one_outcome_everywhere_comes_to_an_end(make_config: MakeConfig, outcome: Outcome) -> None:
    config = make_config(lengths=LENGTHS, depths=DEPTHS[:2], budget={"seeds": 2, "max_seeds": 2})
    _, trials = run_all(config, lambda new: outcome)
    per_cell = Counter(trial.cell for trial in trials)
    assert max(per_cell.values()) <= 2 * config.budget.max_seeds
    expected = {"learned": "learns", "failed": "fails"}.get(outcome)
    if expected is not None:
        assert set(verdicts(config, trials).values()) == {expected}
        assert len(trials) < 24


def test_cells_get_the_run_s_seeds_in_order(config: RunConfig) -> None:
    asked, _ = run_all(config.model_copy(update={"seed": 7}), sharp)
    seeds: dict[Any, list[int]] = {}
    for new in asked:
        seeds.setdefault(new.cell, []).append(new.seed)
    assert all(mine == list(range(7, 7 + len(mine))) for mine in seeds.values())


def test_audits_take_at_most_a_twentieth_of_the_cost(config: RunConfig) -> None:
    asked, _ = run_all(config, lambda new: "learned" if sum(new.cell.values) % 3 else "failed", num_slots=4)
    spent, on_audits = 0.0, 0.0
    for new in asked:
        # A trial that is expected to learn counts as half.
        cost = default_cost(config, new.cell)
        spent, on_audits = spent + cost, on_audits + cost * (new.purpose == "audit")
    assert 0 < on_audits <= 2 * 0.05 * spent


def test_many_slots_are_spread_over_cells(config: RunConfig) -> None:
    allocation = BoundaryAllocation(config)
    cells = [begin(allocation, config, new, n).cell for n in range(24) if (new := allocation.next())]
    assert len(cells) == 24
    assert len(set(cells)) >= 8


def test_facets_come_one_by_one(make_config: MakeConfig) -> None:
    config = make_config(lengths=LENGTHS, depths=[1, 2], widths=[32, 64])
    asked, _ = run_all(config, lambda new: "learned" if new.cell.values[0] < 30 else "failed", num_slots=1)
    widths = [new.cell.values[2] for new in asked if new.purpose == "default"]
    assert widths == sorted(widths)
    assert set(widths) <= {32, 64}


def test_other_recipes_come_after_the_edge(make_config: MakeConfig) -> None:
    config = make_config(lengths=LENGTHS, depths=[1, 2], budget={"recipes": 2})
    asked, trials = run_all(config, sharp)
    recipes = [new.recipe_index for new in asked]
    first = recipes.index(1)
    explored = {new.cell.values for new in asked if new.recipe_index == 1}
    assert all(not learns(*cell) for cell in explored)
    assert {trial.cell.values for trial in trials if not learns(*trial.cell.values)} == explored
    assert Counter(recipes[:first])[0] == first


def test_names_make_a_surface_each(make_config: MakeConfig) -> None:
    space = make_config(lengths=LENGTHS, depths=[1]).space.model_dump()
    space["axes"] = [
        {"path": "task.sequence_length", "values": LENGTHS},
        {"path": "model.name", "values": ["lstm", "gru"]},
    ]
    space["map"] = {"x": "task.sequence_length", "y": "model.name"}
    space["base"]["model"] = {}
    config = RunConfig.model_validate({"run": "tiny", "space": {**space, "goal": "map"}})
    last = {"lstm": 30, "gru": 150}

    def rule(new: NextTrial) -> Outcome:
        length, network = new.cell.values
        return "learned" if length < last[network] else "failed"

    _, trials = run_all(config, rule)
    found = verdicts(config, trials)
    assert found[50, "gru"] == "learns"
    assert found[200, "lstm"] == "fails"


def test_the_budget_of_trials_holds(make_config: MakeConfig) -> None:
    config = make_config(lengths=LENGTHS, depths=DEPTHS, budget={"trials": 7})
    assert len(run_all(config, sharp)[0]) == 7


def test_a_shard_and_a_grid_keep_the_order_of_a_grid(config: RunConfig) -> None:
    space = config.space.model_copy(update={"goal": "map"})
    at_edge = config.model_copy(update={"space": space})
    assert isinstance(allocation_for(config), MapAllocation)
    assert isinstance(allocation_for(at_edge), BoundaryAllocation)
    assert isinstance(allocation_for(at_edge.model_copy(update={"shard": "1/2"})), MapAllocation)


@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 2**31 - 1), num_slots=st.integers(1, 6), num_trials=st.integers(0, 30))
def test_the_next_trial_follows_from_the_trials_alone(
    make_config: MakeConfig, seed: int, num_slots: int, num_trials: int
) -> None:
    config = make_config(lengths=LENGTHS[:4], depths=[1, 2], seed=seed, budget={"trials": num_trials or None})
    warm, order = BoundaryAllocation(config), random.Random(seed)
    trials: list[KnownTrial] = []
    while (new := warm.next()) is not None and len(trials) < 20:
        trials.append(begin(warm, config, new, len(trials)))
        running = [trial for trial in trials if trial.outcome is None]
        while len(running) >= num_slots:
            ended = running.pop(order.randrange(len(running)))
            warm.end(ended, order.choice(["learned", "failed", "failed", "errored"]), 0.5)
        cold = BoundaryAllocation(config)
        for trial in trials:
            cold.begin(trial)
        assert cold.next() == warm.next()


def test_information_of_one_cell_equals_the_integral() -> None:
    """For one cell, by quadrature over the log odds with the logistic function itself."""
    mean, deviation = 0.4, 0.9
    gained = information_gain(Joint(np.ones(1), np.array([[mean]]), np.array([[[deviation**2]]])))

    def entropy(p: float) -> float:
        p = min(max(p, 0.01), 0.99)
        settled = -0.01 * math.log(0.01) - 0.99 * math.log(0.99)
        return -p * math.log(p) - (1 - p) * math.log(1 - p) - settled

    def chance(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    def mass(learned: bool, low: float) -> float:
        likelihood = chance if learned else lambda value: 1 - chance(value)
        return float(quad(lambda v: norm.pdf(v, mean, deviation) * likelihood(v), low, 12)[0])

    before = entropy(norm.sf(0, mean, deviation))
    after = sum(mass(one, -12) * entropy(mass(one, 0) / mass(one, -12)) for one in (True, False))
    clear = norm.sf(math.log(4), mean, deviation) + norm.cdf(-math.log(4), mean, deviation)
    assert gained[0] == pytest.approx(clear * (before - after), rel=0.05)


def test_information_prefers_the_open_cell_and_one_that_tells_of_others() -> None:
    mean = np.array([[0.0, 0.0, 9.0]])
    covariance = np.array([[[2.0, 1.8, 0.0], [1.8, 2.0, 0.0], [0.0, 0.0, 2.0]]])
    together = information_gain(Joint(np.ones(1), mean, covariance))
    alone = information_gain(Joint(np.ones(1), mean[:, [0]], covariance[:, :1, :1]))
    assert together[0] == pytest.approx(together[1])
    assert together[0] > 1.3 * alone[0]
    assert together[2] < 1e-6
