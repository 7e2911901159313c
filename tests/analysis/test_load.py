import math
from typing import Any

import pandas as pd
import pytest

from failmap.analysis.load import find_run, load_run
from failmap.analysis.table import COLUMNS
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import Intervention


def table(run: Any) -> pd.DataFrame:
    loaded = load_run(run.folder)
    loaded.write_table()
    return pd.read_parquet(run.folder.table)


def test_table_has_one_row_per_trial(make_run: Any) -> None:
    run = make_run(facets=(32, 128))
    run.trial("learned", 5, 1, 32)
    run.trial("failed", 20, 2, 128)
    rows = table(run)
    axes = ["task.sequence_length", "model.depth", "model.hidden_size", "train.learning_rate"]
    assert list(rows.columns) == [*COLUMNS, *axes]
    assert list(rows["number"]) == [0, 1]
    assert list(rows["outcome"]) == ["learned", "failed"]
    assert list(rows["cause"]) == ["none", "unknown"]
    assert list(rows["model.hidden_size"]) == [32, 128]
    assert list(rows["chance_score"]) == [0.0, 0.0]


def test_diverged_trial(make_run: Any) -> None:
    run = make_run()
    run.trial("failed", first_nonfinite={"tensor": "layers.0.weight_hh_l0", "update": 12})
    row = table(run).iloc[0]
    assert (row["cause"], row["cause_confidence"]) == ("diverged", 1.0)
    assert row["cause_rule"]
    assert "layers.0.weight_hh_l0" in row["cause_evidence"]


def test_intervention_column(make_run: Any) -> None:
    run = make_run()
    run.trial("failed")
    run.trial("learned", intervention=Intervention("rescue", "layer_norm", {"model.layer_norm": True}, 0))
    assert pd.isna(table(run)["intervention"][0])
    assert table(run)["intervention"][1] == "rescue layer_norm"


def test_level_column(make_run: Any, history: Any) -> None:
    run = make_run()
    run.trial("learned", history=history("learned"))
    run.trial("failed", history=history("failed", count=3))
    run.trial("errored")
    assert list(table(run)["level"])[:2] == ["learned", "at chance"]
    assert pd.isna(table(run)["level"][2])


def test_unfinished_trial_has_its_last_evaluation(make_run: Any, history: Any) -> None:
    run = make_run()
    run.trial(None, history=history("learned", count=3))
    row = table(run).iloc[0]
    assert (row["outcome"], row["updates"], row["reason"]) == ("censored", 150, "not ended")
    assert row["score"] == row["best_score"] == pytest.approx(1 - 0.85**3)
    assert pd.isna(row["cause"])


def test_censored_and_errored_rows(make_run: Any) -> None:
    run = make_run()
    run.trial("errored", reason="out of memory")
    run.trial("censored", reason="stopped by rank")
    assert list(table(run)["outcome"]) == ["errored", "censored"]
    assert table(run)["cause"].isna().all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([None, 1.0], ["none", "1"]),
        (["auto", 3], ["auto", "3"]),
        ([True, False], [True, False]),
        ([True, 2], ["true", "2"]),
        ([1, 0.5], [1.0, 0.5]),
        ([{"loss": "mse"}, {"loss": "huber"}], ["loss=mse", "loss=huber"]),
    ],
)
def test_axis_of_any_values(make_run: Any, values: list[Any], expected: list[Any]) -> None:
    run = make_run(axes=[{"path": "train.clip_norm", "values": values, "default": values[0]}])
    for value in values:
        run.trial("learned", recipe={"train.clip_norm": value})
    assert list(table(run)["train.clip_norm"]) == expected


def test_absent_axis_is_missing(make_run: Any) -> None:
    run = make_run(axes=[{"path": "train.momentum", "values": [0.0, 0.9], "default": 0.0}])
    run.trial("learned", recipe={"train.momentum": 0.9})
    run.trial("learned", recipe={})
    assert table(run)["train.momentum"].isna().tolist() == [False, True]


def test_differing_settings_are_columns(make_run: Any) -> None:
    run = make_run()
    run.trial("learned", config={"output": {"activation": "none", "loss": "mse"}})
    run.trial("learned", config={"output": {"activation": "tanh", "loss": "mse"}})
    rows = table(run)
    assert list(rows["output.activation"]) == ["none", "tanh"]
    assert "output.loss" not in rows


def test_empty_table(make_run: Any) -> None:
    rows = table(make_run())
    assert len(rows) == 0
    assert "model.depth" in rows


def test_trial_without_record_is_left_out(make_run: Any) -> None:
    run = make_run()
    run.trial("learned")
    run.folder.trial(7).path.mkdir()
    assert len(load_run(run.folder).records) == 1


def test_a_missing_run_names_the_nearest(make_run: Any) -> None:
    storage = make_run("adding_deep").folder.path.parent
    with pytest.raises(UserError, match=r"no run 'adding_depp' in .*; did you mean adding_deep\?"):
        find_run("adding_depp", storage)
    with pytest.raises(UserError, match="elsewhere: no such folder"):
        find_run("any", storage / "elsewhere")


def test_folder_without_config_is_no_run(make_run: Any) -> None:
    folder = make_run().folder
    folder.config.unlink()
    with pytest.raises(UserError, match=r"not a run: it has no config\.yaml"):
        find_run(folder.name, folder.path.parent)


def test_a_corrupt_history_line_is_named(make_run: Any, history: Any) -> None:
    run = make_run()
    run.trial("learned", history=history("learned", count=3))
    path = run.folder.trial(0).history
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "{broken\n", lines[2]]))
    with pytest.raises(UserError, match=r"trials/0/history\.jsonl, line 2: ") as error:
        load_run(run.folder).history(0)
    assert "\n" not in str(error.value)


def test_a_torn_last_line_is_left_out(make_run: Any, history: Any) -> None:
    run = make_run()
    run.trial("learned", history=history("learned", count=3))
    with run.folder.trial(0).history.open("a") as file:
        file.write('{"update": 200')
    assert [one.update for one in load_run(run.folder).history(0)] == [50, 100, 150]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "number": 0,\n', r"record\.json, line \d+: not JSON: "),
        ("[]", r"record\.json, line 1: not a trial's record: "),
        ('{"number": 0}', r"record\.json, line 1: not a trial's record: "),
        ("\udcff", r"record\.json, line 1: "),
    ],
)
def test_a_corrupt_record_is_named(make_run: Any, text: str, message: str) -> None:
    run = make_run()
    run.trial("learned")
    run.folder.trial(0).record.write_text(text, errors="surrogateescape")
    with pytest.raises(UserError, match=message) as error:
        load_run(run.folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["space: [", "run: first", "- 1", "run: x\nspace: {name: y, axes: []}"])
def test_a_corrupt_configuration_is_named(make_run: Any, text: str) -> None:
    run = make_run()
    run.folder.config.write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml: not ") as error:
        load_run(run.folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["{", '[{"cell": {}}]', '{"a": 1}'])
def test_corrupt_costs_are_named(make_run: Any, text: str) -> None:
    run = make_run()
    run.folder.costs.write_text(text)
    with pytest.raises(UserError, match=r"costs\.json"):
        load_run(run.folder)


def test_unbounded_floor_is_missing(make_run: Any) -> None:
    run = make_run()
    run.trial("failed", chance_loss=0.69, loss_floor=0.5)
    run.trial("failed", chance_loss=0.69, loss_floor=-math.inf)
    table = pd.read_parquet(load_run(run.folder).write_table())
    assert table["loss_floor"].isna().tolist() == [False, True]
    assert (table["chance_loss"][0], table["loss_floor"][0]) == (0.69, 0.5)
