"""What decides a trial."""

from hypothesis import given
from hypothesis import strategies as st

from failmap.search.trial.criterion import Criterion, Decision, Progress

CRITERION = Criterion(target_score=0.9, in_a_row=2, max_updates=100)


def outcomes(*scores: float, moved: bool = True, finite: bool = True) -> list[str | None]:
    progress, found = Progress(), []
    for score in scores:
        progress.update += 10
        decision = CRITERION.judge(progress, score, moved=moved, finite=finite)
        found.append(decision.reason if decision else None)
    return found


def test_two_evaluations_in_a_row_must_reach_it() -> None:
    assert outcomes(0.95, 0.5, 0.9, 0.9) == [None, None, None, "criterion met"]


def test_the_budget_ends_a_trial_even_between_two_good_evaluations() -> None:
    assert outcomes(*[0.0] * 9, 0.95) == [None] * 9 + ["update budget spent"]


def test_meeting_it_at_the_last_update_counts() -> None:
    assert outcomes(*[0.0] * 8, 0.95, 0.95)[-1] == "criterion met"


def test_what_is_not_finite_fails_at_once() -> None:
    assert outcomes(1.0, finite=False) == ["not finite"]


def test_weights_that_never_change_fail_at_the_second_evaluation() -> None:
    assert outcomes(0.0, 0.0, moved=False) == [None, "stuck: no weight changes any more"]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10))
def test_learned_means_the_last_two_reached_it(scores: list[float]) -> None:
    progress = Progress()
    for index, score in enumerate(scores):
        progress.update += 10
        decision = CRITERION.judge(progress, score, moved=True, finite=True)
        assert progress.best_score == max(scores[: index + 1])
        if decision is not None:
            met = index > 0 and min(scores[index - 1 : index + 1]) >= 0.9
            assert (decision == Decision("learned", "criterion met")) == met
            return
        assert index == 0 or min(scores[index - 1 : index + 1]) < 0.9
