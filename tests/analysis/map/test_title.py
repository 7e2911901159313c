"""What a map's title says of its criterion."""

from typing import Any

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map


def criterion(run: Any) -> str:
    return build_map(load_run(run.folder)).title.criterion


def task(name: str) -> dict[str, Any]:
    return {"task": {"name": name, "sequence_length": 5}}


ERROR = {"metric": "mean_squared_error", "chance_metric": 0.04, "target_metric": 0.02}
ACCURACY = {"metric": "accuracy", "chance_metric": 0.5, "target_metric": 0.99}


def test_threshold_of_an_error(make_run: Any) -> None:
    run = make_run()
    run.trial("learned", config=task("moving_mnist"), **ERROR)
    assert criterion(run) == (
        "learned: mean squared error below 50 % of chance at two evaluations in a row, within 1,500 updates"
    )


def test_criterion_per_task(make_run: Any) -> None:
    run = make_run()
    run.trial("learned", config=task("sum_regression"), **ERROR)
    run.trial("failed", config=task("parity"), **ACCURACY)
    both = "mean squared error below 50 % of chance (sum regression), accuracy at least 99 % (parity)"
    assert criterion(run).startswith(f"learned: {both} at two evaluations in a row")


def test_configured_score_is_shown(make_run: Any) -> None:
    run = make_run(base={"criterion": {"score": 0.5}})
    wanted = {**task("parity"), "criterion": {"score": 0.5, "in_a_row": 2}}
    run.trial("learned", config=wanted, **{**ACCURACY, "target_metric": 0.75})
    assert criterion(run).startswith("learned: accuracy at least 75 % (a score of 0.5) at two evaluations")


def test_varying_threshold_is_a_range(make_run: Any) -> None:
    run = make_run()
    for length, target in ((5, 0.7441), (20, 0.8)):
        run.trial("learned", length, config=task("array_file"), **{**ACCURACY, "target_metric": target})
    assert criterion(run).startswith("learned: accuracy at least 74.4 to 80 % (by cell) at two evaluations")


def test_enumerated_cells_are_noted(make_run: Any) -> None:
    run = make_run()
    run.trial("learned", 5, config=task("parity"), has_every_input=True, **ACCURACY)
    assert criterion(run).endswith(
        "1,500 updates; validation contains every distinct input, including those of training"
    )
    run.trial("learned", 20, config=task("parity"), **ACCURACY)
    assert criterion(run).endswith(
        "; in 1 cell validation contains every distinct input, including those of training"
    )


def test_title_before_the_first_trial(make_run: Any) -> None:
    run = make_run()
    text = run.folder.config.read_text().replace("model.depth", "model")
    values = "values:\n    - {name: lstm}\n    - {name: gru}\n    - {name: mlp}"
    run.folder.config.write_text(text.replace("values:\n    - 1\n    - 2", values))
    assert build_map(load_run(run.folder)).title.subject == "LSTM, GRU or MLP on the task adding"
