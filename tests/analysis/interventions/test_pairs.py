from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.analysis.interventions.comparisons import Pairs, pair
from failmap.analysis.verdict import Tally
from failmap.run_folder.records import Outcome, Summary, TrialRecord

Trials = list[tuple[int, Outcome | None]]

trials = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([*get_args(Outcome), None])), max_size=12)


def records(outcomes: Trials) -> list[TrialRecord]:
    return [
        TrialRecord(
            number=number,
            attempt=1,
            config={"seed": seed},
            cell={},
            recipe={},
            recipe_index=0,
            purpose="default",
            seed=seed,
            started="2026-01-01T00:00:00+00:00",
            summary=None if outcome is None else Summary(outcome, ""),
        )
        for number, (seed, outcome) in enumerate(outcomes)
    ]


def paired(before: Trials, after: Trials) -> Pairs:
    return pair(records(before), records(after))


def test_only_seeds_tried_both_ways_count() -> None:
    before: Trials = [(0, "failed"), (1, "failed"), (2, "learned"), (3, "learned")]
    after: Trials = [(2, "failed"), (1, "learned"), (3, "learned"), (7, "learned")]
    assert paired(before, after) == Pairs(Tally(2, 3), Tally(2, 3), gained=1, lost=1, num_unfinished=1)


def test_errored_and_unfinished_trials_do_not_count() -> None:
    before: Trials = [(0, "errored"), (1, "failed"), (2, None), (3, "failed"), (4, "failed")]
    after: Trials = [(0, "learned"), (1, "errored"), (2, "errored"), (3, None), (4, "learned")]
    assert paired(before, after) == Pairs(Tally(0, 1), Tally(1, 1), gained=1, num_unfinished=1, num_errored=3)


def test_censored_trial_decides_no_pair() -> None:
    found = paired([(0, "failed"), (1, "failed")], [(0, "learned"), (1, "censored")])
    assert found == Pairs(Tally(0, 2), Tally(1, 2, censored=1), gained=1)


def test_ended_trial_of_a_seed_counts() -> None:
    assert paired([(0, None), (0, "failed")], [(0, "errored"), (0, "learned")]).gained == 1


@pytest.mark.parametrize(("gained", "p_value"), [(0, 1), (1, 1), (4, 0.125), (5, 0.0625), (8, 2 / 256)])
def test_p_value_counts_differing_pairs(gained: int, p_value: float) -> None:
    both: Trials = [(100, "learned"), (101, "failed")]
    before: Trials = [(seed, "failed") for seed in range(gained)]
    after: Trials = [(seed, "learned") for seed in range(gained)]
    assert paired(both + before, both + after).p_value == pytest.approx(p_value)


@given(trials, trials, st.randoms())
def test_order_of_records_does_not_matter(before: Trials, after: Trials, random: Random) -> None:
    first, second = records(before), records(after)
    expected = pair(first, second)
    random.shuffle(first)
    random.shuffle(second)
    assert pair(first, second) == expected


@given(trials, trials, st.permutations(range(6)))
def test_seed_values_do_not_matter(before: Trials, after: Trials, names: list[int]) -> None:
    renamed = ([(names[seed], outcome) for seed, outcome in mine] for mine in (before, after))
    assert paired(*renamed) == paired(before, after)


@given(trials, trials)
def test_pairs_of_disjoint_seeds_add_up(before: Trials, after: Trials) -> None:
    of_seed = [
        paired([one for one in before if one[0] == seed], [one for one in after if one[0] == seed])
        for seed in range(6)
    ]
    found = paired(before, after)
    assert found.gained == sum(one.gained for one in of_seed)
    assert found.lost == sum(one.lost for one in of_seed)
    assert found.before.learned == sum(one.before.learned for one in of_seed)
    assert found.after.trials == found.before.trials == sum(one.after.trials for one in of_seed)
    assert found.after.trials + found.num_unfinished + found.num_errored == len({seed for seed, _ in after})
