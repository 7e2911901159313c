"""The criterion by which trials learn or fail."""

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


def test_learned_needs_consecutive_evaluations() -> None:
    assert outcomes(0.95, 0.5, 0.9, 0.9) == [None, None, None, "criterion met"]


def test_budget_ends_unconfirmed_streak() -> None:
    assert outcomes(*[0.0] * 9, 0.95) == [None] * 9 + ["update budget spent"]


def test_criterion_met_at_last_update() -> None:
    assert outcomes(*[0.0] * 8, 0.95, 0.95)[-1] == "criterion met"


def test_nonfinite_fails_at_once() -> None:
    assert outcomes(1.0, finite=False) == ["not finite"]


def test_still_weights_fail_at_second_evaluation() -> None:
    assert outcomes(0.0, 0.0, moved=False) == [None, "stuck: no weight changes any more"]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10))
def test_learned_iff_last_two_reach_target(scores: list[float]) -> None:
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
