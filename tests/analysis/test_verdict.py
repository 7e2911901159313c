from collections.abc import Iterable
from itertools import product
from random import Random
from typing import NamedTuple, get_args

from hypothesis import given
from hypothesis import strategies as st

from failmap.analysis.verdict import Tally, judge
from failmap.run_folder.records import Outcome, Purpose


class TrialResult(NamedTuple):
    """A trial, as far as a verdict needs it."""

    recipe_index: int
    purpose: Purpose
    outcome: Outcome | None


def results(outcomes: str, recipe_index: int = 0, purpose: Purpose = "default") -> list[TrialResult]:
    """One trial a letter: l(earned), f(ailed), c(ensored), e(rrored), . (not ended)."""
    names: dict[str, Outcome | None] = {name[0]: name for name in get_args(Outcome)}
    return [TrialResult(recipe_index, purpose, names.get(letter)) for letter in outcomes]


any_trial = st.builds(
    lambda recipe_index, purpose, outcome: TrialResult(
        recipe_index, "default" if recipe_index == 0 else purpose, outcome
    ),
    st.integers(0, 2),
    st.sampled_from(["explore", "confirm"]),
    # Mostly decided outcomes, so that decided cells are met.
    st.sampled_from(["learned", "failed", "learned", "failed", "censored", "errored", None]),
)
any_cell = st.one_of(
    st.lists(any_trial, max_size=24),
    st.builds(
        lambda decided, recipe_index, more: [
            *(TrialResult(recipe_index, "confirm", decided) for _ in range(6)),
            *more,
        ],
        st.sampled_from(["learned", "failed"]),
        st.integers(0, 2),
        st.lists(any_trial, max_size=3),
    ),
)


def test_four_of_four_learns() -> None:
    verdict = judge(results("llll"))
    assert (verdict.state, verdict.tally, verdict.best_recipe) == ("learns", Tally(4, 4, 0), 0)
    assert verdict.reason == "the default recipe learned on 4 of 4 seeds"


def test_none_of_four_fails() -> None:
    assert judge(results("ffff")).state == "fails"


def test_three_seeds_decide_nothing() -> None:
    assert judge(results("lll")).state == judge(results("fff")).state == "unknown"


def test_split_seeds_are_unknown() -> None:
    verdict = judge(results("lllf"))
    assert verdict.state == "unknown"
    assert verdict.reason == (
        "the default recipe learned on 3 of 4 seeds: "
        "P(learn) from 0.30 to 0.95 may be above or below one half"
    )


def test_censored_trials_are_no_failures() -> None:
    verdict = judge(results("fffc"))
    assert verdict.state == "unknown"
    assert verdict.tally == Tally(learned=0, trials=4, censored=1)
    assert verdict.interval.high > 0.5


def test_errored_trials_do_not_count() -> None:
    assert judge(results("ffffeee")).tally == Tally(0, 4, 0)
    verdict = judge(results("eee"))
    assert (verdict.state, verdict.tally.trials, verdict.num_errored) == ("unknown", 0, 3)
    assert verdict.reason == "3 trials errored, none counts"


def test_no_finished_trial_is_not_run() -> None:
    assert judge([]).state == "not_run"
    verdict = judge(results(".."))
    assert (verdict.state, verdict.num_unfinished) == ("not_run", 2)


def test_chosen_recipe_needs_confirmation() -> None:
    explored = [*results("ffff"), *results("llll", 3, "explore")]
    verdict = judge(explored)
    assert verdict.state == "unknown"
    assert "recipe 3 learned on 4 of 4 seeds, but these seeds chose it" in verdict.reason
    confirmed = judge([*explored, *results("llll", 3, "confirm")])
    assert (confirmed.state, confirmed.best_recipe) == ("learns", 3)
    assert confirmed.tally == Tally(4, 4, 0), "only the seeds that did not choose it"


def test_fail_after_recipes() -> None:
    default, other = results("ffff"), results("ffff", 1, "explore")
    assert judge(default, fail_after_recipes=2).state == "unknown"
    assert judge(default, fail_after_recipes=2).reason == "1 of the 2 recipes were tried that must fail"
    assert judge([*default, *other], fail_after_recipes=2).state == "fails"


def test_no_failure_without_default_recipe() -> None:
    verdict = judge(results("ffff", 1, "explore"))
    assert (verdict.state, verdict.reason) == ("unknown", "the default recipe was not tried")


def test_open_recipe_prevents_failure() -> None:
    assert judge([*results("ffff"), *results("f", 1, "explore")]).state == "unknown"


def test_error_rate_of_two_looks() -> None:
    def is_decided(seeds: Iterable[str]) -> bool:
        return judge(results("".join(seeds))).state in ("learns", "fails")

    coins = list(product("lf", repeat=8))
    assert sum(is_decided(seeds[:4]) for seeds in coins) / len(coins) == 0.125
    either_look = [is_decided(seeds[:4]) or is_decided(seeds) for seeds in coins]
    assert sum(either_look) / len(coins) == 0.15625


@given(any_cell, any_trial, st.integers(1, 3))
def test_learned_trial_keeps_learns(trials: list[TrialResult], further: TrialResult, fail_after: int) -> None:
    if judge(trials, fail_after).state == "learns":
        learned = TrialResult(further.recipe_index, further.purpose, "learned")
        assert judge([*trials, learned], fail_after).state == "learns"


@given(any_cell, any_trial, st.integers(1, 3))
def test_failed_trial_never_gives_learns(
    trials: list[TrialResult], further: TrialResult, fail_after: int
) -> None:
    if judge(trials, fail_after).state == "fails":
        failed = TrialResult(further.recipe_index, further.purpose, "failed")
        assert judge([*trials, failed], fail_after).state != "learns"


@given(any_cell, st.integers(1, 3), st.randoms(use_true_random=False))
def test_open_trials_cannot_contradict_a_verdict(
    trials: list[TrialResult], fail_after: int, random: Random
) -> None:
    state = judge(trials, fail_after).state
    ended = list(_ended(trials, random))
    if state in ("learns", "fails"):
        assert judge(ended, fail_after).state == state


@given(any_cell, st.integers(1, 3), st.randoms(use_true_random=False))
def test_order_of_trials_does_not_matter(trials: list[TrialResult], fail_after: int, random: Random) -> None:
    shuffled = list(trials)
    random.shuffle(shuffled)
    assert judge(shuffled, fail_after) == judge(trials, fail_after)


def _ended(trials: Iterable[TrialResult], random: Random) -> Iterable[TrialResult]:
    for trial in trials:
        if trial.outcome in ("censored", None):
            outcome = random.choice(("learned", "failed", "errored"))
            yield TrialResult(trial.recipe_index, trial.purpose, outcome)
        else:
            yield trial
