"""Luck of guesses that know nothing of the input: against enumeration and simulation."""

import itertools
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.datasets.chance import TOLERATED_LUCK
from failmap.datasets.config.base import ClassMetric
from failmap.datasets.files.luck import ClassLuck, NumberLuck, area_tail, blind_class_metric, least_safe_skill

METRICS: tuple[ClassMetric, ...] = ("accuracy", "balanced_accuracy", "f1")


def measured(metric: ClassMetric, labels: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """The metric of each of many guesses, shape (guesses, sequences)."""
    if metric == "accuracy":
        return (guesses == labels).mean(1)
    of_classes = []
    for index in np.unique(labels):
        hits = ((guesses == index) & (labels == index)).sum(1)
        size = (labels == index).sum()
        guessed = (guesses == index).sum(1)
        of_classes.append(hits / size if metric == "balanced_accuracy" else 2 * hits / (size + guessed))
    return np.mean(of_classes, axis=0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("num_rare", [1, 2, 4])
@pytest.mark.parametrize("skill", [0.3, 0.6, 1.0])
def test_two_classes_by_enumeration(metric: ClassMetric, num_rare: int, skill: float) -> None:
    size = 8
    luck = ClassLuck(metric, [num_rare, size - num_rare])
    target = luck.chance + skill * (1 - luck.chance)
    labels = np.arange(size) < num_rare
    luckiest = 0.0
    for num_guessed in range(size + 1):
        chosen = itertools.combinations(range(size), num_guessed)
        guesses = np.array([np.isin(np.arange(size), rows) for rows in chosen])
        reached = measured(metric, labels.astype(int), guesses.astype(int)) >= target - 1e-9
        luckiest = max(luckiest, float(np.mean(reached)))
    assert luck.probability(skill) == pytest.approx(luckiest, rel=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("counts", [[4, 4, 4], [2, 5, 9], [3, 3, 3, 3, 3], [2, 2, 20]])
def test_more_classes_are_bounded(metric: ClassMetric, counts: list[int]) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    shares = np.array(counts) / len(labels)
    luck = ClassLuck(metric, counts)
    alike = np.full(len(counts), 1 / len(counts))
    for rates in (shares, alike, (shares + np.eye(len(counts))[-1]) / 2):
        guesses = random.choice(len(counts), size=(4000, len(labels)), p=rates)
        metrics = measured(metric, labels, guesses)
        skills = (metrics - luck.chance) / (1 - luck.chance)
        for skill in (0.2, 0.4, 0.6):
            assert (skills >= skill).mean() <= luck.probability(skill) + 0.01


@pytest.mark.parametrize("sizes", [(1, 5), (3, 5), (4, 4)])
def test_areas_by_enumeration(sizes: tuple[int, int]) -> None:
    size = sum(sizes)
    rare = np.array(list(itertools.combinations(range(size), sizes[0])))
    areas = (rare.sum(1) - sizes[0] * (sizes[0] - 1) / 2) / (sizes[0] * sizes[1])
    for area in np.unique(areas):
        assert area_tail(*sizes, area) == pytest.approx((areas >= area - 1e-9).mean())


def test_areas_of_many_pairs_are_nearly_normal() -> None:
    """So the two ways meet where one takes over."""
    from failmap.datasets.files import luck

    for area in (0.6, 0.7):
        exact = area_tail(20, 100, area)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(luck, "_MAX_PAIRS", 0)
            assert area_tail(20, 100, area) == pytest.approx(exact, rel=0.2)


def test_more_areas_are_bounded() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), (2, 2, 4))
    luck = ClassLuck("auroc", [2, 2, 4])
    ranks = random.random((20_000, 3, 8)).argsort(-1).argsort(-1)
    areas = np.zeros(20_000)
    for index, size in enumerate((2, 2, 4)):
        pairs = ranks[:, index, labels == index].sum(-1) - size * (size - 1) / 2
        areas += pairs / (size * (8 - size)) / 3
    for skill in (0.2, 0.6, 0.8):
        assert (2 * areas - 1 >= skill - 1e-9).mean() <= luck.probability(skill)


def test_rare_labels_are_not_met_by_luck() -> None:
    """A binomial share of 0.95 reaches 0.98 of 400 once in 300 times; a guess that varies never does."""
    assert ClassLuck("accuracy", [20, 380]).probability(0.6) < 1e-9
    assert ClassLuck("accuracy", [1, 23]).probability(1.0) == pytest.approx(1 / 24)


@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.parametrize("draw", ["normal", "uniform", "lognormal"])
def test_numbers_by_simulation(size: int, draw: str) -> None:
    random = np.random.default_rng(0)
    targets = getattr(random, draw)(size=(20_000, size))
    guesses = random.normal(size=targets.shape)
    deviations = [values - values.mean(1, keepdims=True) for values in (targets, guesses)]
    dots = (deviations[0] * deviations[1]).sum(1)
    correlation = dots / np.prod([np.linalg.norm(values, axis=1) for values in deviations], axis=0)
    fourth, square = (deviations[0] ** 4).mean(1), (deviations[0] ** 2).mean(1)
    for skill in (0.3, 0.6, 0.8):
        lucky = (correlation >= skill**0.5).mean()
        expected = np.mean([NumberLuck(size, k).probability(skill) for k in (fourth / square**2)[:2000]])
        assert lucky <= expected + 0.01
        if draw == "normal":
            assert lucky == pytest.approx(NumberLuck(size).probability(skill), abs=0.01)


@given(
    metric=st.sampled_from(get_args(ClassMetric)),
    counts=st.lists(st.integers(1, 60), min_size=2, max_size=6),
    skills=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
)
def test_more_skill_takes_more_luck(
    metric: ClassMetric, counts: list[int], skills: tuple[float, float]
) -> None:
    luck = ClassLuck(metric, counts)
    low, high = sorted(skills)
    assert luck.chance == blind_class_metric(metric, counts)
    assert 0 <= luck.probability(high) <= luck.probability(low) * (1 + 1e-9) <= 1 + 1e-6


@given(size=st.integers(1, 100), wanted=st.floats(0.05, 0.9), num_evaluations=st.integers(1, 1000))
def test_safe_skill_is_the_least(size: int, wanted: float, num_evaluations: int) -> None:
    luck = NumberLuck(size)
    found = least_safe_skill(luck, wanted, 0.9, num_evaluations)
    if found is None:
        assert num_evaluations * luck.probability(0.9) > TOLERATED_LUCK
        return
    assert wanted <= found <= 0.9
    assert num_evaluations * luck.probability(found) <= TOLERATED_LUCK
    if found > wanted:
        assert num_evaluations * luck.probability(found - 1e-6) > TOLERATED_LUCK
