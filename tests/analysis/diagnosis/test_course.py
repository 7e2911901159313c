"""The course of a training is read from its curves alone."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.analysis.diagnosis.course import COURSES, Course, course
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from tests.analysis.diagnosis.conftest import CHANCE, build_training

REPEATED = {"epoch": lambda share: 100 * share}


def course_of(**arguments: Any) -> Course:
    """Return the course of a synthetic training of the adding problem; its goal is a skill of 0.95."""
    return course(TrainingCurves(*build_training(**arguments), is_blind=False))


#: A training that shows each course: losses as functions of the share of the training that is done.
EXAMPLES: dict[str, dict[str, Any]] = {
    "left_finite": {"train": lambda share: None if share > 0.5 else CHANCE},
    "too_short": {"count": 3},
    "on_the_way": {"train": lambda share: CHANCE * math.exp(-2 * share)},
    "creeping": {"train": lambda share: CHANCE * (1 - 0.2 * share)},
    "jumped_late": {"train": lambda share: CHANCE * (0.7 if share > 0.9 else 1.0), "count": 40},
    "fitted": {
        "train": lambda share: CHANCE * math.exp(-8 * share),
        "validation": lambda share: CHANCE * (1 + share),
        "signals": REPEATED,
    },
    "fell_back": {"train": lambda share: CHANCE * (0.3 if 0.3 < share < 0.6 else 0.95)},
    "at_level": {"train": lambda share: CHANCE / 2},
    "worse_than_chance": {"train": lambda share: CHANCE * 3},
    "at_chance": {},
    "stalled": {"train": lambda share: CHANCE * 0.25},
}


def test_there_is_an_example_of_every_course() -> None:
    assert tuple(EXAMPLES) == COURSES


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    assert course_of(**EXAMPLES[name]).name == name


def test_pace_of_an_exponential_is_exact() -> None:
    """With a loss of chance * exp(-2 t), a skill of 0.95 is reached at t = ln(20) / 2 budgets."""
    pace = course_of(train=lambda share: CHANCE * math.exp(-2 * share), count=60).pace
    assert pace.budgets_needed == pytest.approx(math.log(20) / 2, rel=0.02)
    assert pace.updates_needed == pytest.approx(60 * 50 * math.log(20) / 2, rel=0.05)


def test_steep_rise_to_just_below_the_goal_is_on_the_way() -> None:
    """Half of the failed trials in the default map's edge cells ended like this."""
    found = course_of(train=lambda share: CHANCE / (1 + math.exp(12 * (share - 0.8))))
    assert found.name == "on_the_way"
    assert found.pace.updates_needed > 1000


def test_validation_that_gets_worse_is_not_on_the_way_however_far_it_came() -> None:
    """A set of a few dozen examples: training at its floor, accuracy half way, validation loss rising."""
    found = course_of(
        train=lambda share: CHANCE * 1e-4,
        validation=lambda share: CHANCE * (14 + 8 * share),
        score=lambda share: 0.5,
        signals=REPEATED,
    )
    assert found.name == "fitted"


def test_two_evaluations_above_the_rest_after_noise_are_no_jump() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=21) * 0.1 * CHANCE
    assert course_of(train=lambda share: CHANCE + noise[round(20 * share)]).name == "at_chance"


Losses = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(losses=Losses, scale=st.floats(1e-3, 1e3))
def test_course_does_not_depend_on_the_unit_of_the_loss(losses: list[float], scale: float) -> None:
    """If loss and chance are multiplied by a number, nothing changes but rounding."""

    def found(unit: float) -> str:
        return course_of(
            train=lambda share: unit * losses[round(share * len(losses)) - 1],
            score=lambda share: 0.0,
            count=len(losses),
            chance_loss=unit * CHANCE,
            partial_solutions=[],
        ).name

    assert found(1.0) in COURSES
    power = 2.0 ** round(math.log2(scale))  # exact, so that no comparison is decided by rounding
    assert found(1.0) == found(power)


@pytest.mark.parametrize("count", [4, 7, 20, 41])
def test_constant_loss_at_chance_is_at_chance_at_any_length(count: int) -> None:
    assert course_of(count=count).name == "at_chance"
