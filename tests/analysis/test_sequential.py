from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.analysis.sequential import (
    DEFAULT_RULE,
    ERROR,
    Rule,
    cell_error,
    confirm_rule,
    enumerate_rule,
)

ANY_SEED = st.sampled_from([True, False])
RULES = st.sampled_from([DEFAULT_RULE, *map(confirm_rule, range(1, 7))])
#: Mostly one outcome, so that decisions are met.
ANY_SEEDS = st.one_of(
    st.lists(ANY_SEED, max_size=40),
    st.builds(
        lambda seed, others, num: [seed] * num + others,
        ANY_SEED,
        st.lists(ANY_SEED, max_size=10),
        st.integers(6, 20),
    ),
)


@pytest.mark.parametrize("max_seeds", [6, 10, 16, 32, 64, 128])
@pytest.mark.parametrize("num_recipes", [1, 2, 3, 6, 100])
def test_stated_error_holds(num_recipes: int, max_seeds: int) -> None:
    assert cell_error(num_recipes, max_seeds) <= ERROR


def test_error_grows_with_looks_and_recipes() -> None:
    errors = [[cell_error(num, most) for num in (1, 2, 3, 6)] for most in (6, 10, 16, 32, 64)]
    assert all(row == sorted(row) for row in errors)
    assert all(list(column) == sorted(column) for column in zip(*errors, strict=True))


@pytest.mark.parametrize("num_recipes", [1, 2, 6])
def test_fewer_cells_are_decided_wrongly_away_from_one_half(num_recipes: int) -> None:
    chances = [step / 20 for step in range(11)]
    learns = [enumerate_rule(DEFAULT_RULE, chance, 32).above for chance in chances]
    assert learns == sorted(learns)
    confirmed = [enumerate_rule(confirm_rule(num_recipes), chance, 32).above for chance in chances]
    assert confirmed == sorted(confirmed)


def test_enumeration_agrees_with_every_sequence() -> None:
    sequences = list(product([True, False], repeat=10))
    sides = [DEFAULT_RULE.decide(seeds) for seeds in sequences]
    found = enumerate_rule(DEFAULT_RULE, 0.5, max_seeds=10)
    assert found.above == sides.count("above") / len(sides)
    assert found.below == sides.count("below") / len(sides)
    assert found.above + found.below == 0.04296875


@pytest.mark.parametrize(("chance", "side"), [(0.0, "below"), (1.0, "above")])
@pytest.mark.parametrize("max_seeds", [6, 10, 64])
def test_clear_cells_take_six_seeds(chance: float, side: str, max_seeds: int) -> None:
    found = enumerate_rule(DEFAULT_RULE, chance, max_seeds)
    assert (getattr(found, side), found.num_seeds) == (1.0, 6.0)


def test_both_sides_are_alike() -> None:
    found, mirrored = (enumerate_rule(DEFAULT_RULE, chance, 48) for chance in (0.3, 0.7))
    assert (found.above, found.below) == pytest.approx((mirrored.below, mirrored.above))
    assert found.num_seeds == pytest.approx(mirrored.num_seeds)


@pytest.mark.parametrize(
    ("seeds", "side"),
    [
        ("llllll", "above"),
        ("ffffff", "below"),
        ("lllll", None),
        ("lllllflll", None),
        ("lllllfllll", "above"),
        ("fffffl" + "ffff", "below"),
        ("lllllf" + "lllf", None),
        ("llllll" + "ffffffffff", "above"),
    ],
)
def test_looks(seeds: str, side: str | None) -> None:
    assert DEFAULT_RULE.decide([seed == "l" for seed in seeds]) == side


def test_seeds_after_the_last_look_wait() -> None:
    seeds = [False, *8 * [True]]
    assert DEFAULT_RULE.decide(seeds) is None, "8 of 9"
    assert DEFAULT_RULE.decide([*seeds, True]) == "above"


def test_each_confirmation_takes_one_more_seed() -> None:
    fewest = [
        next(num for num in range(20) if confirm_rule(place).decide([True] * num)) for place in (1, 2, 3)
    ]
    assert fewest == [9, 10, 11]


@pytest.mark.parametrize(
    ("seeds", "limit", "look"),
    [("", 10, 6), ("", 5, None), ("lllf", 10, 10), ("lllf", 6, None), ("llff", 10, None), ("llfflf", 64, 24)],
)
def test_next_look_is_one_that_can_decide(seeds: str, limit: int, look: int | None) -> None:
    assert DEFAULT_RULE.next_look([seed == "l" for seed in seeds], limit) == look


@given(RULES, ANY_SEEDS, st.lists(ANY_SEED, max_size=20))
def test_later_seeds_never_reverse_a_decision(rule: Rule, seeds: list[bool], later: list[bool]) -> None:
    if side := rule.decide(seeds):
        assert rule.decide(seeds + later) == side


@given(RULES, ANY_SEEDS, st.data())
def test_unknown_seeds_decide_nothing_that_their_end_contradicts(
    rule: Rule, seeds: list[bool], data: st.DataObject
) -> None:
    hidden = data.draw(st.sets(st.integers(0, max(len(seeds) - 1, 0)), max_size=3))
    shown = [None if place in hidden else seed for place, seed in enumerate(seeds)]
    side = rule.decide(shown)
    assert side in (None, rule.decide(seeds))


@given(RULES, ANY_SEEDS, st.integers(6, 40))
def test_seeds_end_where_no_look_can_decide(rule: Rule, seeds: list[bool], limit: int) -> None:
    """Where no look up to a limit can decide, no further seeds up to it do."""
    if rule.decide(seeds) is None and rule.next_look(seeds, limit) is None:
        for more in (True, False):
            assert rule.decide([*seeds, *[more] * max(limit - len(seeds), 0)]) is None
