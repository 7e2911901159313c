from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import FailureMap, build_map
from failmap.run_folder.records import Intervention


def built(run: Any) -> FailureMap:
    return build_map(load_run(run.folder))


def test_map_has_every_cell(make_run: Any) -> None:
    run = make_run(facets=(32, 128))
    run.write_costs(40)
    run.trials(6, 0, 5, 1, 32)
    run.trials(0, 6, 20, 2, 32)
    failure_map = built(run)
    assert failure_map.states == {"learns": 2, "fails": 2, "edge": 0, "unknown": 0, "not_run": 4}
    assert failure_map.inferred == {"learns": 1, "fails": 1, "edge": 0, "unknown": 0, "not_run": 0}
    assert failure_map.cells["5", "1", "32"].numbers == (0, 1, 2, 3, 4, 5)
    assert failure_map.cells["5", "1", "128"].cost_seconds == 6 * 40


def test_numbers_are_drawn_upwards(make_run: Any) -> None:
    rows = list(built(make_run(facets=(32, 128))).rows(("32",)))
    assert [y for y, _ in rows] == ["2", "1"]
    assert [cell.labels for cell in rows[1][1]] == [("5", "1", "32"), ("20", "1", "32")]


def test_names_keep_their_order(make_run: Any) -> None:
    rows = built(make_run(depths=("lstm", "gru"))).rows(())
    assert [y for y, _ in rows] == ["lstm", "gru"]


def test_unknown_label_gets_a_cell(make_run: Any) -> None:
    run = make_run()
    run.trials(6, 0, 50, 1)
    assert built(run).cells["50", "1"].verdict.state == "learns"


def test_labels_of_any_type_are_distinct(make_run: Any) -> None:
    run = make_run(lengths=(None, 1, 0.5, {"loss": "mse", "activation": "none"}))
    run.trials(6, 0, None, 1)
    run.trials(0, 6, "loss=mse activation=none", 1)
    failure_map = built(run)
    assert failure_map.labels[0] == ("0.5", "1", "none", "loss=mse activation=none")
    assert failure_map.cells["none", "1"].verdict.state == "learns"
    assert failure_map.cells["loss=mse activation=none", "1"].verdict.state == "fails"


def test_unfinished_trials_count_as_censored(make_run: Any) -> None:
    run = make_run()
    for outcome in ("learned", "failed", "errored", "censored", None):
        run.trial(outcome)
    assert built(run).outcomes == {"learned": 1, "failed": 1, "censored": 2, "errored": 1}


def test_title_is_complete(make_run: Any) -> None:
    run = make_run(fail_after_recipes=3)
    run.trials(0, 6)
    run.trials(0, 6, recipe_index=1, purpose="explore", recipe={"train.learning_rate": 0.1})
    title = built(run).title
    assert title.question == "Up to which length does a deep LSTM learn to add?"
    assert title.lines == (
        "LSTM on the task adding",
        "learned: mean squared error below 5 % of chance at two evaluations in a row, within 1,500 updates",
        "default recipe: adam, learning rate 0.003; up to 2 recipes tried in a cell; "
        "a cell fails when three recipes do",
    )


def test_title_of_an_accuracy(make_run: Any) -> None:
    run = make_run()
    run.trial("learned", metric="accuracy", chance_metric=0.5, target_metric=0.99)
    assert built(run).title.criterion.startswith("learned: accuracy at least 99 % at two evaluations")


def test_title_of_budget_and_criterion_axes(make_run: Any) -> None:
    run = make_run(axes=[{"path": "train.max_updates", "values": [500, 1500], "default": 500}])
    for max_updates, share in ((500, 0.05), (1500, 0.1)):
        run.trial(
            "learned", recipe={"train.max_updates": max_updates}, max_updates=max_updates,
            target_metric=share / 6, config={"criterion": {"score": 1 - share, "in_a_row": 1}},
        )  # fmt: skip
    assert built(run).title.criterion == (
        "learned: mean squared error below 5 to 10 % (an axis) of chance at one evaluation, "
        "within 500 to 1,500 updates (an axis)"
    )


@pytest.mark.parametrize(
    ("criterion", "message"),
    [({}, "the task's own criterion"), ({"score": 0.9}, "a score of at least 0.9")],
)
def test_title_of_an_empty_run(make_run: Any, criterion: dict[str, Any], message: str) -> None:
    base = {
        "task": {"name": "delayed_recall"},
        "model": {"name": "gru"},
        "train": {"optimizer": "sgd", "max_updates": 800},
        "criterion": criterion,
    }
    title = built(make_run(base=base)).title
    assert title.lines == (
        "GRU on the task delayed recall",
        f"learned: {message} at two evaluations in a row, within 800 updates",
        "default recipe: sgd, learning rate 0.003; no other tried",
    )


def test_default_recipe_omits_inactive_axes(make_run: Any) -> None:
    axes = [{"path": "train.momentum", "values": [0.9, 0.0], "default": 0.9}]
    run = make_run(axes=axes)
    run.trial("failed", recipe={}, config={"train": {"optimizer": "adam", "momentum": 0.0}})
    assert built(run).title.recipes == "default recipe: adam; no other tried"


def test_intervention_is_no_evidence_of_its_cell(make_run: Any) -> None:
    run = make_run()
    run.trials(0, 6)
    layer_norm = Intervention("rescue", "layer_norm", {"model.layer_norm": True}, 0, "vanishing_in_depth")
    for _ in range(4):
        run.trial("learned", intervention=layer_norm, max_updates=6000)
    failure_map = built(run)
    cell = failure_map.cells["5", "1"]
    assert (cell.verdict.state, cell.verdict.tally.trials) == ("fails", 6)
    assert (cell.numbers, cell.interventions) == ((0, 1, 2, 3, 4, 5), (6, 7, 8, 9))
    assert failure_map.outcomes["learned"] == 0
    assert failure_map.title.criterion.endswith("within 1,500 updates")


def test_cell_has_a_diagnosis(make_run: Any) -> None:
    run = make_run()
    run.trials(0, 3, first_nonfinite={"tensor": "layers.0.weight_hh_l0", "update": 12})
    run.trials(0, 1)
    run.trials(6, 0, 20, 2)
    cells = built(run).cells
    diagnosis = cells["5", "1"].diagnosis
    assert diagnosis is not None
    assert (diagnosis.cause, diagnosis.num_trials, diagnosis.num_failed) == ("diverged", 3, 4)
    assert "layers.0.weight_hh_l0" in diagnosis.evidence[0].told
    assert cells["20", "2"].diagnosis is None
