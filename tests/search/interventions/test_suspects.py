"""The ladder that follows from the causes of failed trials."""

from collections.abc import Callable

import pytest

from failmap.analysis.diagnosis import REMEDIES, WHERE_TO_LOOK, Cause, Diagnosis, Evidence, Suspicion
from failmap.run_folder.records import TrialRecord
from failmap.search.interventions.named_fixes import named_fixes
from failmap.search.interventions.plan import UNCHANGED, Case
from failmap.search.interventions.suspects import suspects_of, with_ladder
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig
from tests.search.interventions.runs import FAILED

MakeTrial = Callable[..., TrialConfig]


def diagnosed(cause: Cause, *runners_up: Cause, updates_needed: float | None = None) -> Diagnosis:
    values = {} if updates_needed is None else {"updates_needed": updates_needed}
    verdict = Suspicion(cause, 0.9, "a_rule", (Evidence("what was seen", values),))
    return Diagnosis(verdict, tuple(Suspicion(one, 0.5, "another_rule") for one in runners_up))


def failed_trial(seed: int) -> TrialRecord:
    return TrialRecord(seed, 1, {}, {}, {}, 0, "default", seed, "2026-01-01T00:00:00Z", summary=FAILED)


def case_of(config: TrialConfig, *diagnoses: Diagnosis, num_threads: int | None = None) -> Case:
    suspects = suspects_of([(failed_trial(seed), one) for seed, one in enumerate(diagnoses)])
    case = Case("rescue", Cell(()), 0, {}, config, 0, ())
    return with_ladder(case, suspects, num_threads)


@pytest.mark.parametrize("cause", ["labels_or_loss_wrong", "disconnected", "leak", "not_predictable"])
def test_fixes_of_the_runner_up_replace_missing_ones(make_trial: MakeTrial, cause: Cause) -> None:
    case = case_of(make_trial(), diagnosed(cause, "unreachable_output", "too_slow"))
    assert (case.verdict, case.cause) == (cause, "too_slow"), "the natural head needs no other"
    own = [step.name for step in case.steps if step.cause == "too_slow"]
    assert own == [name for name in REMEDIES["too_slow"] if name in own] != []
    assert any("too_slow" in line for line in case.reasons)


@pytest.mark.parametrize("cause", ["labels_or_loss_wrong", "disconnected", "leak", "not_predictable"])
def test_cause_without_any_fix_says_where_to_look(make_trial: MakeTrial, cause: Cause) -> None:
    case = case_of(make_trial(), diagnosed(cause, "unknown"))
    assert [step.name for step in case.steps] == [UNCHANGED]
    assert any(WHERE_TO_LOOK[cause] in line for line in case.reasons)


def test_every_cause_without_fixes_says_where_to_look() -> None:
    assert {cause for cause, names in REMEDIES.items() if not names} - {"none"} <= set(WHERE_TO_LOOK)


def test_slowest_seed_sets_the_updates(make_trial: MakeTrial) -> None:
    case = case_of(
        make_trial(),
        diagnosed("too_slow", updates_needed=2000),
        diagnosed("too_slow", updates_needed=4000),
        diagnosed("too_slow"),
    )
    longer = next(step for step in case.steps if step.name == "more_updates")
    assert longer.changes == {"train.max_updates": 5000}


def test_preflight_of_a_trial_sets_what_comes_first(make_trial: MakeTrial) -> None:
    config = make_trial(output={"activation": "sigmoid"}, task={"sequence_length": 5})
    case = case_of(config, diagnosed("too_slow"), num_threads=1)
    assert case.steps[1].name == "output_head"
    assert not named_fixes(make_trial(task={"sequence_length": 5}), 1)


def test_predicted_fixes_need_a_suspicion(make_trial: MakeTrial) -> None:
    deep = make_trial(model={"depth": 5}, task={"sequence_length": 5})
    assert [name for name, _ in named_fixes(deep, 1)][:2] == ["residual", "layer_norm"]
    unsuspected = case_of(deep, diagnosed("frozen"), num_threads=1)
    suspected = case_of(deep, diagnosed("diverged", "vanishing_in_depth"), num_threads=1)
    assert unsuspected.steps[1:] == ()
    assert [step.name for step in suspected.steps[1:3]] == ["residual", "layer_norm"]


def test_trial_that_cannot_be_built_names_no_fix(make_trial: MakeTrial) -> None:
    assert named_fixes(make_trial(task={"name": "array_file", "path": "missing.npz"}), 1) == ()
