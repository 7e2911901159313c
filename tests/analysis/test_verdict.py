from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple, get_args

from hypothesis import given
from hypothesis import strategies as st

from failmap.analysis.verdict import Tally, judge
from failmap.run_folder.records import Outcome, Purpose


class TrialResult(NamedTuple):
    """A trial, as far as a verdict needs it."""

    number: int
    recipe_index: int
    purpose: Purpose
    outcome: Outcome | None
    p_learn: float = 0.0


def results(
    outcomes: str, recipe_index: int = 0, purpose: Purpose = "default", first: int = 0
) -> list[TrialResult]:
    """One trial a letter: l(earned), f(ailed), c(ensored), e(rrored), . (not ended)."""
    names: dict[str, Outcome | None] = {name[0]: name for name in get_args(Outcome)}
    return [
        TrialResult(first + place, recipe_index, purpose, names.get(letter))
        for place, letter in enumerate(outcomes)
    ]


def numbered(trials: Iterable[TrialResult]) -> list[TrialResult]:
    """Return the trials as if they had been begun in this order."""
    return [trial._replace(number=number) for number, trial in enumerate(trials)]


any_trial = st.builds(
    lambda recipe_index, purpose, outcome: TrialResult(
        0, recipe_index, "default" if recipe_index == 0 else purpose, outcome
    ),
    st.integers(0, 2),
    st.sampled_from(["explore", "confirm"]),
    # Mostly decided outcomes, so that decided cells are met.
    st.sampled_from(["learned", "failed", "learned", "failed", "censored", "errored", None]),
)
any_cell = st.one_of(
    st.lists(any_trial, max_size=24),
    st.builds(
        lambda default, decided, recipe_index, more: [
            *(TrialResult(0, 0, "default", default) for _ in range(6)),
            *(TrialResult(0, recipe_index, "confirm", decided) for _ in range(10)),
            *more,
        ],
        st.sampled_from(["learned", "failed", "failed"]),
        st.sampled_from(["learned", "failed"]),
        st.integers(1, 2),
        st.lists(any_trial, max_size=3),
    ),
).map(numbered)


def test_six_of_six_learns() -> None:
    verdict = judge(results("llllll"))
    assert (verdict.state, verdict.tally, verdict.best_recipe) == ("learns", Tally(6, 6, 0), 0)
    assert verdict.reason == "the default recipe learned on 6 of 6 seeds"


def test_none_of_six_fails() -> None:
    assert judge(results("ffffff")).state == "fails"


def test_five_seeds_decide_nothing() -> None:
    assert judge(results("lllll")).state == judge(results("fffff")).state == "unknown"


def test_nine_of_ten_decide_and_nine_of_nine_wait() -> None:
    assert judge(results("flllllllll")).state == "learns"
    assert judge(results("flllllll")).state == "unknown"
    assert judge(results("lfffffffff")).state == "fails"


def test_split_seeds_are_unknown() -> None:
    verdict = judge(results("lllf"))
    assert (verdict.state, verdict.tally) == ("unknown", Tally(3, 4))
    assert verdict.reason == (
        "the default recipe learned on 3 of 4 seeds: P(learn) from 0.30 to 0.95; 10 seeds may decide"
    )


def test_first_seeds_decide_and_later_ones_are_counted() -> None:
    verdict = judge(results("llllllff"))
    assert (verdict.state, verdict.tally) == ("learns", Tally(6, 8))
    assert judge(results("ffllllll")).state == "unknown", "the same counts in another order"


def test_censored_trials_are_no_failures() -> None:
    verdict = judge(results("fffffc"))
    assert verdict.state == "unknown"
    assert verdict.tally == Tally(learned=0, trials=6, censored=1)
    assert verdict.interval.high > 0.5
    assert judge(results("fffffcffff")).state == "fails", "0 of 10, or 1"


def test_seeds_that_run_may_be_too_late_to_change_a_decision() -> None:
    assert judge(results("fllll.llll")).state == "unknown"
    assert judge(results("llllll....")).state == "learns"
    assert judge(results("lllll.llll")).state == "learns", "9 of 10, or 6 of 6"


def test_errored_trials_do_not_count() -> None:
    assert judge(results("ffefefeff")).tally == Tally(0, 6, 0)
    assert judge(results("ffefefeff")).state == "fails"
    verdict = judge(results("eee"))
    assert (verdict.state, verdict.tally.trials, verdict.num_errored) == ("unknown", 0, 3)
    assert verdict.reason == "3 trials errored, none counts"


def test_no_finished_trial_is_not_run() -> None:
    assert judge([]).state == "not_run"
    verdict = judge(results(".."))
    assert (verdict.state, verdict.num_unfinished) == ("not_run", 2)


def test_chosen_recipe_needs_confirmation() -> None:
    explored = [*results("ffffff"), *results("lll", 3, "explore", first=6)]
    verdict = judge(explored)
    assert (verdict.state, verdict.best_recipe) == ("unknown", 3)
    assert "recipe 3 learned on 3 of 3 seeds, but these seeds chose it" in verdict.reason
    assert judge([*explored, *results("l" * 8, 3, "confirm", first=9)]).state == "unknown"
    confirmed = judge([*explored, *results("l" * 9, 3, "confirm", first=9)])
    assert (confirmed.state, confirmed.best_recipe) == ("learns", 3)
    assert confirmed.tally == Tally(9, 9, 0), "only the seeds that did not choose it"


def test_second_confirmation_takes_one_more_seed() -> None:
    """The order of confirmations is that of their first trials."""
    default = results("ffffff")
    other = results("ff", 1, "confirm", first=6)
    assert judge([*default, *other, *results("l" * 9, 2, "confirm", first=8)]).state == "unknown"
    assert judge([*default, *other, *results("l" * 10, 2, "confirm", first=8)]).state == "learns"
    late = results("ff", 1, "confirm", first=30)
    assert judge([*default, *late, *results("l" * 9, 2, "confirm", first=8)]).state == "learns"


def test_explored_seeds_alone_never_learn() -> None:
    assert judge([*results("ffffff"), *results("l" * 20, 1, "explore", first=6)]).state == "unknown"


def test_fail_after_recipes() -> None:
    default, other = results("ffffff"), results("ffffff", 1, "explore", first=6)
    assert judge(default, fail_after_recipes=2).state == "unknown"
    assert judge(default, fail_after_recipes=2).reason == "1 of the 2 recipes failed that must fail"
    assert judge([*default, *other[:3]], fail_after_recipes=2).state == "unknown", "three seeds do not decide"
    assert judge([*default, *other], fail_after_recipes=2).state == "fails"


def test_no_failure_without_default_recipe() -> None:
    verdict = judge(results("ffffff", 1, "explore"))
    assert (verdict.state, verdict.reason) == ("unknown", "the default recipe was not tried")


def test_promising_recipe_prevents_failure() -> None:
    default = results("ffffff")

    def state(explored: str, confirmed: str = "") -> str:
        others = [*results(explored, 1, "explore", 6), *results(confirmed, 1, "confirm", 6 + len(explored))]
        return judge([*default, *others]).state

    assert [state("f"), state("lff"), state("fff")] == ["fails"] * 3
    assert [state("."), state("l"), state("llf"), state("fcc")] == ["unknown"] * 4
    assert [state("llf", "ff"), state("llf", "lfffff")] == ["unknown"] * 2
    assert [state("llf", "ffffff"), state("llf", "lfffffffff")] == ["fails"] * 2


@given(any_cell, any_trial, st.integers(1, 3))
def test_nothing_takes_learns_back(trials: list[TrialResult], further: TrialResult, fail_after: int) -> None:
    if judge(trials, fail_after).state == "learns":
        assert judge(numbered([*trials, further]), fail_after).state == "learns"


@given(any_cell, any_trial, st.integers(1, 3))
def test_only_another_recipe_takes_fails_back(
    trials: list[TrialResult], further: TrialResult, fail_after: int
) -> None:
    """A recipe that failed has failed; of a recipe that was no candidate, further seeds may make one."""
    if judge(trials, fail_after).state == "fails":
        state = judge(numbered([*trials, further]), fail_after).state
        assert state == "fails" or (further.recipe_index and state == "unknown")


@given(any_cell, st.integers(1, 3), st.randoms(use_true_random=False))
def test_open_trials_cannot_contradict_a_verdict(
    trials: list[TrialResult], fail_after: int, random: Random
) -> None:
    state = judge(trials, fail_after).state
    ended = [
        trial._replace(outcome=random.choice(("learned", "failed")))
        if trial.outcome in ("censored", None)
        else trial
        for trial in trials
    ]
    if state in ("learns", "fails"):
        assert judge(ended, fail_after).state == state


@given(any_cell, st.integers(1, 3), st.randoms(use_true_random=False))
def test_order_in_which_trials_end_does_not_matter(
    trials: list[TrialResult], fail_after: int, random: Random
) -> None:
    """Nor does the order in which they are listed: decided is what their numbers and outcomes say."""
    ends: Sequence[int] = random.sample(range(len(trials)), len(trials))
    shown = [trial._replace(outcome=None) for trial in trials]
    decided = set()
    for place in ends:
        shown[place] = trials[place]
        listed = random.sample(shown, len(shown))
        verdict = judge(listed, fail_after)
        assert verdict == judge(shown, fail_after)
        decided |= {verdict.state} & {"learns"}
    assert not trials or verdict == judge(trials, fail_after)
    if all(trial.outcome != "errored" for trial in trials):
        assert not decided or verdict.state == "learns"
